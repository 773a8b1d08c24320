# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets: their states, and what moves them."""

from __future__ import annotations

from tests.lab.control.world import Pair


def register(pair: Pair, group: str, address: str = "10.0.0.9") -> None:
    pair.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": address, "Port": 8000}])


def health(pair: Pair, group: str) -> tuple[str, str]:
    one = pair.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]["TargetHealth"]
    return one["State"], one.get("Reason", "")


def test_a_group_in_no_rule_is_unused_and_not_probed(pair: Pair) -> None:
    lonely = pair.group("lonely", pair.vpc)
    register(pair, lonely)
    pair.run(20)
    assert health(pair, lonely) == ("unused", "Target.NotInUse")
    assert pair.probed == []


def test_weight_0_is_enough_to_be_probed(pair: Pair) -> None:
    register(pair, pair.canary)
    pair.run(2)
    assert pair.probed == ["10.0.0.9"]


def test_a_new_target_is_initial_until_its_first_check(pair: Pair) -> None:
    pair.create_service(count=1)
    pair.run(1.75)
    assert health(pair, pair.stable) == ("initial", "Elb.RegistrationInProgress")
    pair.run(1.25)
    assert health(pair, pair.stable) == ("healthy", "")


def test_a_target_is_unhealthy_after_the_threshold_and_healthy_again_after_the_other(pair: Pair) -> None:
    pair.create_service(count=1, healthCheckGracePeriodSeconds=600)
    pair.run(4)
    pair.ill = set(pair.processes)
    pair.run(5)
    assert health(pair, pair.stable) == ("healthy", "")
    pair.run(5)
    assert health(pair, pair.stable) == ("unhealthy", "Target.ResponseCodeMismatch")
    pair.ill = set()
    pair.run(10)
    assert health(pair, pair.stable)[0] == "unhealthy"
    pair.run(5)
    assert health(pair, pair.stable) == ("healthy", "")


def test_a_target_drains_for_the_groups_delay(pair: Pair) -> None:
    register(pair, pair.canary)
    pair.run(2)
    pair.elb.deregister_targets(TargetGroupArn=pair.canary, Targets=[{"Id": "10.0.0.9", "Port": 8000}])
    assert health(pair, pair.canary) == ("draining", "Target.DeregistrationInProgress")
    pair.run(4.5)
    assert pair.states(pair.canary) == ["draining"]
    pair.run(1)
    assert pair.states(pair.canary) == []
    target = {"Id": "10.0.0.9", "Port": 8000}
    gone = pair.elb.describe_target_health(TargetGroupArn=pair.canary, Targets=[target])["TargetHealthDescriptions"][0]
    assert gone["TargetHealth"]["Reason"] == "Target.NotRegistered"


def test_a_group_taken_out_of_its_rule_falls_back_to_unused(pair: Pair) -> None:
    pair.create_service(count=1)
    pair.run(4)
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[{"Type": "forward", "TargetGroupArn": pair.canary}])
    pair.run(0.25)
    assert pair.states(pair.stable) == ["unused"]
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[pair.forward(1, 1)])
    pair.run(0.25)
    assert pair.states(pair.stable) == ["initial"]


def test_the_view_shows_the_delay(pair: Pair) -> None:
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "7"}]
    pair.elb.modify_target_group_attributes(TargetGroupArn=pair.stable, Attributes=attributes)
    assert pair.cloud.target_groups()[pair.stable].deregistration_delay == 7
