# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows against an API that refuses, fails, answers late, and loses answers."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.application import FEW, Application, no_failure
from tests.integration.faulty import faulty

DEPLOYED = {"stable_desired": 3}
TROUBLE = ({"kind": "throttle", "share": 0.3}, {"kind": "error", "share": 0.03}, {"kind": "latency", "share": 0.1})


def test_lost_connections_repeat_nothing_that_must_not_be(application: Application) -> None:
    """Each write breaks twice: before it takes effect, and when it is made again, after."""
    writes = ("ModifyRule", "UpdateService", "RegisterTaskDefinition", "RegisterScalableTarget")
    kinds = {"reset-before": 1, "reset-after": 2}
    breaks = [{"kind": kind, "operation": write, "calls": [call]} for write in writes for kind, call in kinds.items()]
    known = revisions(application)
    with application.traffic(rate=FEW) as traffic:
        begin = traffic.mark()
        with faulty(application, *breaks) as calls:
            application.succeed("canary.yml", percent=100)
            application.succeed("promote.yml", take="image", return_step=50)
        no_failure(traffic.report(since=begin))
    lost = Counter(call["operation"] for call in calls if call["status"] == 0)
    assert lost == dict.fromkeys(writes, 2), "each of them did break"
    assert sum(call["operation"] == "RegisterTaskDefinition" for call in calls) == 2
    assert revisions(application) - known == {application.service("Stable")["taskDefinition"]}, "one revision more"
    assert application.image("Stable") == "shop:v2"
    assert application.split() == (100, 0)
    assert application.capacity("Stable") == (2, 3, 4)


def test_a_life_with_every_third_call_throttled_fails_no_request(application: Application) -> None:
    """And now and then one that the server fails, or answers late."""
    with application.traffic(rate=FEW) as traffic:
        begin = traffic.mark()
        with faulty(application, *TROUBLE) as calls:
            application.succeed("deploy.yml", canary_image="shop:v3")
            application.succeed("canary.yml", percent=50)
            application.succeed("rollback.yml")
            application.succeed("canary.yml", percent=100)
            application.succeed("promote.yml", return_step=50)
        no_failure(traffic.report(since=begin))
    refused = sum(call["status"] == 400 for call in calls)
    assert refused / len(calls) == pytest.approx(0.3, abs=0.1)
    assert application.split() == (100, 0)
    assert application.image("Stable") == "shop:v3"
    assert application.capacity("Stable") == (2, 3, 4)
    assert application.capacity("Canary") == (2, 2, 2)


def revisions(application: Application) -> set[str]:
    """All task definitions there are."""
    return set(application.client("ecs").list_task_definitions()["taskDefinitionArns"])
