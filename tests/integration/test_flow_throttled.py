# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The birth and the end of a stack, and what lies between, while AWS throttles every third call."""

from __future__ import annotations

import pytest

from lab.state import Lab
from tests.application import FEW, SETTINGS, Application, no_failure
from tests.integration.faulty import faulty


def test_a_stack_comes_and_goes_with_every_third_call_throttled(lab: Lab) -> None:
    application = Application(lab, {"stack_name": "throttled", **SETTINGS})
    with faulty(application, {"kind": "throttle", "share": 0.3}) as calls:
        application.succeed("deploy.yml", stable_image="shop:v1", canary_image="shop:v2")
        with application.traffic(rate=FEW) as traffic:
            begin = traffic.mark()
            application.succeed("canary.yml", percent=100, step=50, interval=0)
            application.succeed("promote.yml", return_step=50)
            application.succeed("rollback.yml", restore=True)
            no_failure(traffic.report(since=begin))
        assert application.image("Stable") == "shop:v1"
        assert "100 %" in application.succeed("status.yml").output
        application.succeed("destroy.yml")
    refused = sum(call["status"] == 400 for call in calls)
    assert refused / len(calls) == pytest.approx(0.3, abs=0.1)
    stacks = application.client("cloudformation").list_stacks()["StackSummaries"]
    assert {stack["StackStatus"] for stack in stacks if stack["StackName"] == "throttled"} == {"DELETE_COMPLETE"}


def test_a_stack_comes_and_goes_where_its_answers_are_lost(lab: Lab) -> None:
    application = Application(lab, {"stack_name": "lost", **SETTINGS})
    lost = [{"kind": "reset-after", "operation": name, "calls": [1]} for name in ("CreateStack", "DeleteStack")]
    with faulty(application, *lost) as calls:
        application.play("deploy.yml", stable_image="shop:v1", canary_image="shop:v2")
        application.succeed("deploy.yml", stable_image="shop:v1", canary_image="shop:v2")
        application.play("destroy.yml")
        application.succeed("destroy.yml")
    assert {call["operation"] for call in calls if call["status"] == 0} == {"CreateStack", "DeleteStack"}
    stacks = application.client("cloudformation").list_stacks()["StackSummaries"]
    assert [stack["StackStatus"] for stack in stacks if stack["StackName"] == "lost"] == ["DELETE_COMPLETE"]
