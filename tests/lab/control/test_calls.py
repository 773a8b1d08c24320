# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The call log."""

from __future__ import annotations

import json
import urllib.request

from tests.lab.control.world import Pair


def test_every_call_is_logged_with_what_it_may_change(pair: Pair) -> None:
    before = len(pair.cloud.calls.since())
    pair.elb.describe_rules(RuleArns=[pair.rule])
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[pair.forward(1, 1)])
    pair.ecs.describe_clusters(clusters=["main"])
    with urllib.request.urlopen(f"{pair.endpoint}/_lab/calls?since={before}") as answer:
        calls = json.load(answer)
    assert [(one["service"], one["operation"], one["mutating"], one["status"]) for one in calls] == [
        ("elasticloadbalancing", "DescribeRules", False, 200),
        ("elasticloadbalancing", "ModifyRule", True, 200),
        ("ecs", "DescribeClusters", False, 200),
    ]


def test_a_refused_call_is_logged_as_refused(pair: Pair) -> None:
    try:
        pair.elb.modify_rule(RuleArn=pair.rule, Actions=[pair.forward(1000, 1)])
    except pair.elb.exceptions.ClientError:
        pass
    assert pair.cloud.calls.since()[-1].status == 400
