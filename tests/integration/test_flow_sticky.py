# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule that is sticky: clients keep to the canary that they have met, whatever the weights, and are served there."""

from __future__ import annotations

import time

from lab.traffic import Traffic
from tests.application import RATE, SETTLED, Application, no_failure, seen

DEPLOYED = {"stable_desired": 4, "stable_max": 8}
VISITORS = 40


def make_sticky(application: Application) -> None:
    """Let the rule keep each client on the group that it met first."""
    elbv2, rule = application.client("elbv2"), application.outputs["RuleArn"]
    action = elbv2.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"][-1]
    config = {**action["ForwardConfig"], "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 600}}
    elbv2.modify_rule(RuleArn=rule, Actions=[{"Type": "forward", "ForwardConfig": config}])


def test_clients_that_are_stuck_to_the_canary_keep_its_tasks_until_its_owner_lets_go(application: Application) -> None:
    make_sticky(application)
    application.succeed("canary.yml", percent=100)
    time.sleep(SETTLED)
    with Traffic(application.outputs["Url"], rate=RATE, visitors=VISITORS) as traffic:
        begin = traffic.mark()
        seen(traffic, 100)
        played = application.succeed("rollback.yml")
        assert "may come back for up to 600 s" in played.output
        assert (application.split(), application.capacity("Canary")[1]) == ((100, 0), 4)
        seen(traffic, 100)
        again = application.succeed("rollback.yml")
        assert "may come back" not in again.output
        assert application.capacity("Canary") == (2, 2, 2)
        application.succeed("rollback.yml", stickiness="disable")
        seen(traffic, 100, version="v1")
        no_failure(traffic.report(since=begin))
