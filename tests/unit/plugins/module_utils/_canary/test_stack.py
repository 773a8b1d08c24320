# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.stack import (
    NEW_COUNTS,
    PARAMETERS,
    changes_in_words,
    holds_canary,
    is_ours,
    outcome,
    plan_stack,
    why_failed,
)

TEMPLATE = Path(__file__).parents[5] / "roles/canary/files/canary-stack.template"

RECORDED = {
    "VpcId": "", "SubnetIds": "", "Cpu": "256", "Memory": "512", "ContainerPort": "8000", "HealthPath": "/health",
    "StableImage": "app:v1", "StableRelease": "", "StableDesired": "2", "StableMin": "2", "StableMax": "4",
    "CanaryImage": "app:v2", "CanaryRelease": "", "CanaryDesired": "1", "CanaryMin": "1", "CanaryMax": "4",
}  # fmt: skip


def stack(status: str = "CREATE_COMPLETE", **recorded: str) -> dict[str, Any]:
    return {
        "stack_description": {"stack_status": status, "description": "canary.ecs: two services"},
        "stack_parameters": {**RECORDED, **recorded},
        "stack_outputs": {"StableTaskDefinition": "td/stable:1", "CanaryTaskDefinition": "td/canary:1"},
    }


def service(name: str, image: str, desired: int, low: int | None, high: int | None) -> dict[str, Any]:
    return {"task_definition": name, "images": {"app": image}, "desired": desired, "min": low, "max": high}


FRESH = {
    "stable": service("td/stable:1", "app:v1", 2, 2, 4),
    "canary": service("td/canary:1", "app:v2", 1, 1, 4),
}
# The canary sized for its share, stable scaled out.
MIDWAY = {
    "stable": service("td/stable:1", "app:v1", 4, 2, 4),
    "canary": service("td/canary:1", "app:v2", 3, 3, 6),
}
# Stable runs the canary's release, the canary is parked.
PROMOTED = {
    "stable": service("td/canary:1", "app:v2", 3, 2, 4),
    "canary": service("td/canary:1", "app:v2", 2, 2, 2),
}


def plan(asked: dict[str, Any], services: dict[str, Any], **more: Any) -> Any:
    return plan_stack(asked, stack_name="shop", stack=stack(), services=services, **more)


def changed(parameters: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if base.get(name) != value}


def test_the_template_knows_every_parameter() -> None:
    declared = set(re.findall(r"^  (\w+):\n    Type: (?:String|Number)$", TEMPLATE.read_text(), re.MULTILINE))
    assert declared == {*PARAMETERS.values(), "StableRelease", "CanaryRelease"}


@pytest.mark.parametrize("side", NEW_COUNTS)
def test_the_counts_of_a_new_stack_are_the_templates(side: str) -> None:
    text = TEMPLATE.read_text()
    for name, count in zip(("Desired", "Min", "Max"), NEW_COUNTS[side], strict=True):
        default = re.search(rf'^  {side}{name}:\n    Type: \w+\n    Default: "?(\d+)"?$', text, re.MULTILINE)
        assert default is not None
        assert int(default.group(1)) == count


def test_a_new_stack_gets_what_is_asked_for_and_the_counts() -> None:
    made = plan_stack({"stable_image": "app:v1", "canary_image": "", "cpu": "512"}, stack_name="shop")
    assert made.creates and not made.removes_first and made.live == {}
    assert made.parameters == {
        "StableImage": "app:v1", "CanaryImage": "app:v1", "Cpu": "512", "SubnetIds": "",
        "StableDesired": "2", "StableMin": "2", "StableMax": "4",
        "CanaryDesired": "1", "CanaryMin": "1", "CanaryMax": "4",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({"stable_desired": 6}, ("6", "2", "6")),
        ({"stable_desired": "1"}, ("1", "1", "4")),
        ({"stable_min": 3}, ("3", "3", "4")),
        ({"stable_max": 1}, ("1", "1", "1")),
        ({"stable_desired": 0}, ("0", "0", "4")),
    ],
)
def test_counts_that_are_left_out_make_room(asked: dict[str, Any], counts: tuple[str, str, str]) -> None:
    made = plan_stack({"stable_image": "app:v1", **asked}, stack_name="shop").parameters
    assert (made["StableDesired"], made["StableMin"], made["StableMax"]) == counts


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "stable_image"),
        ({"stable_image": "a", "vpc_id": "vpc-1"}, "vpc_id and subnet_ids"),
        ({"stable_image": "a", "subnet_ids": ["subnet-1"]}, "vpc_id and subnet_ids"),
        ({"stable_image": "a", "stable_desired": 5, "stable_max": 4}, "stable_desired is 5"),
        ({"stable_image": "a", "stable_desired": 1, "stable_min": 2}, "stable_desired is 1"),
        ({"stable_image": "a", "stable_min": 5, "stable_max": 4}, "min is above max"),
        ({"stable_image": "a", "canary_desired": "some"}, "canary_desired"),
    ],
)
def test_a_new_stack_that_cannot_be_is_refused(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(CanaryError, match=says):
        plan_stack(asked, stack_name="shop")


def test_values_come_as_surveys_send_them() -> None:
    asked = {
        "stable_image": " app:v1 ",
        "vpc_id": "vpc-1",
        "subnet_ids": "subnet-1, subnet-2",
        "assign_public_ip": "false",
        "memory": 1024,
    }
    made = plan_stack(asked, stack_name="shop").parameters
    assert (made["StableImage"], made["SubnetIds"]) == ("app:v1", "subnet-1,subnet-2")
    assert (made["AssignPublicIp"], made["Memory"]) == ("DISABLED", "1024")
    assert plan_stack({**asked, "subnet_ids": ["a", "b"]}, stack_name="shop").parameters["SubnetIds"] == "a,b"


@pytest.mark.parametrize("services", [FRESH, MIDWAY, PROMOTED])
def test_asking_for_nothing_changes_nothing(services: dict[str, Any]) -> None:
    made = plan({}, services)
    assert (made.live, changed(made.parameters, RECORDED)) == ({}, {})


def test_asking_for_what_is_live_changes_nothing() -> None:
    asked = {"stable_image": "app:v2", "stable_desired": 3, "canary_max": "2", "health_path": "/health"}
    made = plan(asked, PROMOTED)
    assert (made.live, changed(made.parameters, RECORDED)) == ({}, {})


def test_a_new_canary_leaves_stable_alone_and_its_own_counts() -> None:
    made = plan({"canary_image": "app:v3"}, MIDWAY)
    assert changed(made.live, RECORDED) == {"CanaryDesired": "", "CanaryMin": "3", "CanaryMax": "6"}
    assert changed(made.parameters, made.live) == {"CanaryImage": "app:v3"}


def test_after_a_promotion_an_update_of_both_carries_the_live_release() -> None:
    made = plan({"memory": 1024}, PROMOTED)
    assert changed(made.live, RECORDED) == {
        "StableRelease": "td/canary:1", "StableDesired": "", "CanaryDesired": "", "CanaryMin": "2", "CanaryMax": "2",
    }  # fmt: skip
    # New task definitions are the stack's own, with the images that are live.
    assert changed(made.parameters, made.live) == {"Memory": "1024", "StableRelease": "", "StableImage": "app:v2"}


def test_after_a_promotion_a_count_carries_the_live_release() -> None:
    made = plan({"stable_desired": 4}, PROMOTED)
    assert changed(made.live, RECORDED) == {"StableRelease": "td/canary:1", "StableDesired": ""}
    assert changed(made.parameters, made.live) == {"StableDesired": "4"}


def test_a_failed_update_returns_to_what_was_live() -> None:
    """CloudFormation rolls back to the parameters before: those are the ones that `live` recorded."""
    for asked in ({"stable_image": "app:v9"}, {"stable_desired": 4, "stable_max": 9}, {"cpu": 512}):
        before = plan(asked, PROMOTED).live
        assert before["StableRelease"] == "td/canary:1"
        assert before["StableDesired"] == ""
        assert (before["StableMin"], before["StableMax"]) == ("2", "4")


def test_new_bounds_touch_the_bounds_alone() -> None:
    """A service that is short of tasks may be given more, for the update does not send it."""
    short = {**PROMOTED, "stable": {**PROMOTED["stable"], "running": 1}}
    made = plan({"stable_max": 9}, short)
    assert (made.live, changed(made.parameters, RECORDED)) == ({}, {"StableMax": "9"})
    made = plan({"canary_max": 9}, MIDWAY)
    assert changed(made.live, RECORDED) == {"CanaryMin": "3", "CanaryMax": "6"}
    assert changed(made.parameters, made.live) == {"CanaryMax": "9"}


def rolling(facts: dict[str, Any], state: str) -> dict[str, Any]:
    return {**facts, "deployments": [{"status": "PRIMARY", "rollout_state": state}]}


HEALTHY, ILL = {"target_group": {"healthy": 1}}, {"target_group": {"healthy": 0}}
CRASHING = {**FRESH["canary"], **ILL, "service": "app-canary", "desired": 2, "running": 1}


@pytest.mark.parametrize(
    ("canary", "percent"),
    [
        (CRASHING, 5.0),
        ({**CRASHING, **HEALTHY}, 0.0),
        (rolling({**CRASHING, "running": 2}, "FAILED"), 5.0),
        (rolling({**CRASHING, "running": 2}, "IN_PROGRESS"), None),
    ],
)
def test_another_release_for_a_broken_canary_does_not_wait_for_the_broken_one(
    canary: dict[str, Any], percent: float | None
) -> None:
    made = plan({"canary_image": "app:v3"}, {**FRESH, "canary": canary, "percent": percent})
    assert made.live == {}, "the stack is told nothing, for CloudFormation would wait until the canary is steady"
    assert changed(made.parameters, RECORDED) == {"CanaryImage": "app:v3", "CanaryDesired": ""}


@pytest.mark.parametrize("rollout", ["COMPLETED", "FAILED"])
def test_a_broken_stable_service_can_be_given_another_release(rollout: str) -> None:
    """It is the way out where a bad release came to stable by another way than a promotion."""
    broken = rolling({**FRESH["stable"], "running": 0}, rollout)
    made = plan({"stable_image": "app:v0"}, {**FRESH, "stable": broken})
    assert made.live == {}
    assert changed(made.parameters, RECORDED) == {"StableImage": "app:v0", "StableDesired": ""}


def test_what_the_stack_remembers_does_not_come_back_where_it_cannot_be_told_what_is_live() -> None:
    made = plan({"canary_image": "app:v3", "memory": 1024}, {**PROMOTED, "canary": CRASHING, "percent": 0.0})
    assert (made.live, made.rolls_back) == ({}, False)
    assert changed(made.parameters, RECORDED) == {
        "CanaryImage": "app:v3", "CanaryDesired": "", "Memory": "1024", "StableImage": "app:v2", "StableDesired": "",
    }  # fmt: skip
    assert plan({"canary_image": "app:v3"}, PROMOTED).rolls_back


def test_a_min_that_a_flow_holds_is_no_change_to_who_asks_for_the_own_one() -> None:
    held = {**FRESH, "stable": {**FRESH["stable"], "min": 4, "desired": 4, "running": 4, "held_from": 2}}
    assert "StableMin" not in changed(plan({"stable_min": 2, "canary_image": "app:v3"}, held).parameters, RECORDED)
    assert plan({"stable_min": 3}, held).parameters["StableMin"] == "3"


@pytest.mark.parametrize(
    ("asked", "services", "says"),
    [
        ({"memory": 1024}, {"stable": rolling(FRESH["stable"], "IN_PROGRESS")}, "stable .* rollout is IN_PROGRESS"),
        (
            {"stable_image": "app:v3"},
            {"stable": {**FRESH["stable"], **HEALTHY, "running": 1}},
            "stable .* 1 of 2 tasks",
        ),
        ({"stable_image": "app:v3"}, {"stable": rolling(FRESH["stable"], "IN_PROGRESS")}, "stable .* IN_PROGRESS"),
        ({"memory": 1024}, {"canary": CRASHING, "percent": 0.0}, "canary service app-canary"),
        ({"canary_desired": 3}, {"canary": CRASHING, "percent": 0.0}, "canary service app-canary"),
        ({"canary_image": "app:v3"}, {"canary": {**CRASHING, **HEALTHY}, "percent": 5.0}, "canary service app-canary"),
        ({"canary_image": "app:v3"}, {"canary": {**CRASHING, **HEALTHY}, "percent": None}, "canary service app-canary"),
    ],
)
def test_an_update_that_would_wait_for_a_service_is_refused(
    asked: dict[str, Any], services: dict[str, Any], says: str
) -> None:
    with pytest.raises(CanaryError, match=f"{says}.*Nothing was changed") as caught:
        plan(asked, {**FRESH, **services})
    assert "is not steady" in str(caught.value)
    assert ("park_desired=0" in str(caught.value)) is ("canary" in services), "stable is never parked"


def test_a_service_that_the_update_does_not_send_may_be_unsteady() -> None:
    unsteady = rolling(FRESH["stable"], "IN_PROGRESS")
    assert plan({"canary_image": "app:v3"}, {**FRESH, "stable": unsteady}).live["CanaryDesired"] == ""
    assert plan({"health_path": "/"}, {"stable": unsteady, "canary": CRASHING}).live == {}
    parked = rolling({**FRESH["canary"], "desired": 0, "running": 0}, "FAILED")
    assert plan({"memory": 1024}, {**FRESH, "canary": parked}).live["CanaryDesired"] == "", "no task is waited for"


def test_a_stack_that_was_not_rolled_back_is_first_brought_on() -> None:
    """AWS takes no update of it that is to be rolled back, and tries again what failed of both services."""
    told = stack("UPDATE_FAILED", StableRelease="td/canary:1", StableDesired="", CanaryDesired="", CanaryMin="2")
    told["stack_parameters"] |= {"CanaryMax": "2", "CanaryRelease": "td/canary:1"}
    made = plan_stack({"canary_image": "app:v3"}, stack_name="shop", stack=told, services=PROMOTED)
    assert made.live == told["stack_parameters"], "nothing is new, and yet it is sent"
    assert changed(made.parameters, made.live) == {"CanaryImage": "app:v3", "CanaryRelease": ""}
    made = plan_stack({}, stack_name="shop", stack=stack("UPDATE_FAILED"), services=FRESH)
    assert made.live == made.parameters
    # By name: what failed may have made another release the stack's own, and left the outputs as they were.
    assert (made.live["StableRelease"], made.live["CanaryRelease"]) == ("td/stable:1", "td/canary:1")
    broken = {**PROMOTED, "canary": CRASHING, "percent": 0.0}
    made = plan_stack({"canary_image": "app:v3"}, stack_name="shop", stack=told, services=broken)
    assert (made.live, made.rolls_back) == ({}, False), "it goes on, and waits for no canary that never comes"


def test_a_new_grace_period_is_told_both_services() -> None:
    made = plan({"health_grace": 300}, PROMOTED)
    assert made.live["StableRelease"] == "td/canary:1"
    assert changed(made.parameters, made.live) == {"HealthGrace": "300"}
    assert "HealthGrace" not in made.live, "the template that the stack has may not know it"


def test_a_new_template_touches_both_and_changes_neither() -> None:
    made = plan({}, PROMOTED, template_changed=True)
    assert made.live == made.parameters
    assert made.live["StableRelease"] == "td/canary:1"
    assert (made.live["StableDesired"], made.live["CanaryDesired"]) == ("", "")


def test_an_old_release_can_be_asked_for_again() -> None:
    made = plan({"stable_image": "app:v1"}, PROMOTED)
    assert changed(made.parameters, made.live) == {"StableRelease": ""}
    assert made.parameters["StableImage"] == "app:v1"


def test_a_service_without_autoscaling_keeps_its_recorded_bounds() -> None:
    bare = {**FRESH, "canary": service("td/canary:1", "app:v2", 3, None, None)}
    made = plan({"canary_image": "app:v3"}, bare)
    assert changed(made.live, RECORDED) == {"CanaryDesired": ""}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"vpc_id": "vpc-1", "subnet_ids": "subnet-1"}, "another network"),
        ({"subnet_ids": "subnet-1"}, "another network"),
        ({"stable_desired": 5}, "stable_desired is 5"),
        ({"canary_min": 2}, "canary_desired is 1"),
        ({"canary_min": 5, "canary_desired": 5}, "min is above max"),
    ],
)
def test_an_update_that_cannot_be_is_refused(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(CanaryError, match=says):
        plan(asked, FRESH)


def test_a_network_is_left_subnet_by_subnet() -> None:
    own = {"VpcId": "vpc-1", "SubnetIds": "subnet-a,subnet-b"}

    def asked(subnets: str) -> Any:
        return plan_stack({"subnet_ids": subnets}, stack_name="shop", stack=stack(**own), services=FRESH).parameters

    with pytest.raises(CanaryError, match=r"none of the subnets of stack shop \(subnet-a, subnet-b\): .*beside"):
        asked("subnet-c,subnet-d")
    assert asked("subnet-a,subnet-b,subnet-c")["SubnetIds"] == "subnet-a,subnet-b,subnet-c"
    assert asked("subnet-b, subnet-c")["SubnetIds"] == "subnet-b,subnet-c"


@pytest.mark.parametrize(
    ("status", "creates", "removes"),
    [
        ("CREATE_COMPLETE", False, False),
        ("UPDATE_COMPLETE", False, False),
        ("UPDATE_ROLLBACK_COMPLETE", False, False),
        ("ROLLBACK_COMPLETE", True, True),
        ("CREATE_FAILED", True, True),
    ],
)
def test_what_a_failed_creation_left_is_removed_first(status: str, creates: bool, removes: bool) -> None:
    made = plan_stack({"stable_image": "app:v1"}, stack_name="shop", stack=stack(status), services=FRESH)
    assert (made.creates, made.removes_first) == (creates, removes)
    assert holds_canary(stack(status)) is not creates


@pytest.mark.parametrize(
    "status",
    ["UPDATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"],
)
def test_a_stack_that_takes_no_update_says_so(status: str) -> None:
    with pytest.raises(CanaryError, match=f"{status}.*repeat"):
        plan_stack({}, stack_name="shop", stack=stack(status))
    assert not holds_canary(stack(status)), "its services are not read before it says so"


def test_another_stack_is_left_alone() -> None:
    other = {"stack_description": {"stack_status": "CREATE_COMPLETE", "description": "Our VPC"}}
    with pytest.raises(CanaryError, match="left alone"):
        is_ours(other, stack_name="network")
    for status in ("CREATE_COMPLETE", "ROLLBACK_COMPLETE"):
        other["stack_description"]["stack_status"] = status
        with pytest.raises(CanaryError, match="left alone"):
            plan_stack({"stable_image": "app:v1"}, stack_name="network", stack=other)
    assert is_ours(stack(), stack_name="shop")


def test_no_stack_holds_no_canary() -> None:
    assert not holds_canary(None)


@pytest.mark.parametrize(
    ("found", "gone", "changed"),
    [
        (None, True, True),
        (stack("DELETE_COMPLETE"), True, True),
        (stack("CREATE_COMPLETE"), False, True),
        (stack("UPDATE_COMPLETE"), False, True),
        (stack("UPDATE_ROLLBACK_COMPLETE"), False, False),
    ],
)
def test_what_was_asked_for_is_done(found: dict[str, Any] | None, gone: bool, changed: bool) -> None:
    status = "" if gone else found and found["stack_description"]["stack_status"]
    assert outcome(found, gone=gone, changed=changed) == status


@pytest.mark.parametrize(
    ("found", "gone", "says"),
    [
        (stack("DELETE_IN_PROGRESS"), True, "DELETE_IN_PROGRESS, and the wait for it broke off.*repeat"),
        (stack("CREATE_COMPLETE"), True, "CREATE_COMPLETE, and was to be removed.*repeat"),
        (stack("DELETE_FAILED"), True, "DELETE_FAILED, and was to be removed.*repeat"),
        (stack("CREATE_IN_PROGRESS"), False, "CREATE_IN_PROGRESS, and the wait for it broke off.*repeat"),
        (stack("UPDATE_ROLLBACK_COMPLETE"), False, "UPDATE_ROLLBACK_COMPLETE, and was to be complete.*repeat"),
        (stack("UPDATE_FAILED"), False, "UPDATE_FAILED, and was to be complete.*repeat"),
        (None, False, "does not exist any more, and was to be complete.*repeat"),
    ],
)
def test_what_was_only_said_to_be_done_is_not(found: dict[str, Any] | None, gone: bool, says: str) -> None:
    """amazon.aws.cloudformation says 'Stack Deleted' where it could not look."""
    with pytest.raises(CanaryError, match=says):
        outcome(found, gone=gone)


def test_a_failure_says_what_failed_and_why_and_how_to_go_on() -> None:
    reason = {"logical_resource_id": "Vpc", "resource_status": "DELETE_FAILED", "resource_status_reason": "in use"}
    stuck = {**stack("DELETE_FAILED"), "stack_events": [reason]}
    assert why_failed({"output": "Stack DELETE failed"}, stuck) == ["Stack DELETE failed.", "Vpc: in use"]
    assert why_failed({"msg": "No.", "log": ["Vpc: gone"]}, stuck) == ["No.", "Vpc: gone"]
    assert why_failed({"msg": "Throttled"}, None) == ["Throttled."]
    halfway = why_failed({"output": "Stack UPDATE failed"}, stack("UPDATE_FAILED"))
    assert "rollback-stack" in halfway[-1] and "deploy again" in halfway[-1]


def resource(action: str, name: str, kind: str, **more: str) -> dict[str, Any]:
    changed = {"Action": action, "LogicalResourceId": name, "ResourceType": kind, **more}
    return {"Type": "Resource", "ResourceChange": changed}


def test_a_change_set_is_told_by_resource() -> None:
    assert changes_in_words(
        [
            resource("Modify", "CanaryTaskDefinition", "AWS::ECS::TaskDefinition", Replacement="True"),
            resource("Modify", "CanaryService", "AWS::ECS::Service", Replacement="Conditional"),
            resource("Modify", "CanaryScaling", "AWS::ApplicationAutoScaling::ScalableTarget", Replacement="False"),
            resource("Remove", "Redirect", "AWS::ElasticLoadBalancingV2::Listener"),
            {"Type": "Hook"},
        ]
    ) == [
        "Modify CanaryTaskDefinition (AWS::ECS::TaskDefinition), by a new one",
        "Modify CanaryService (AWS::ECS::Service), perhaps by a new one",
        "Modify CanaryScaling (AWS::ApplicationAutoScaling::ScalableTarget)",
        "Remove Redirect (AWS::ElasticLoadBalancingV2::Listener)",
    ]
    assert changes_in_words([]) == []
