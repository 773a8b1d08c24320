# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.canary.ecs.plugins.module_utils._aws import poll
from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import AwsError
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._module import CanaryModule
from ansible_collections.canary.ecs.plugins.modules import ecs_service_capacity
from ansible_collections.canary.ecs.tests.unit.plugins.fake_aws import (
    CLUSTER,
    FakeAws,
    FakeModule,
    FakeTime,
    group_arn,
    refusal,
)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """Stable runs 10 tasks within 4 and 30, the canary 2 within 2 and 4."""
    clock = FakeTime()
    monkeypatch.setattr(poll, "time", clock)
    monkeypatch.setattr(ecs_service_capacity, "time", clock)
    aws = FakeAws()
    aws.add_service("stable", desired=10)
    aws.add_service("canary", desired=2)
    aws.add_target("stable", 4, 30)
    aws.add_target("canary", 2, 4)
    return aws


def capacity(aws: FakeAws, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    return capacity_of_module(module_of(aws, check_mode=check_mode, **options))


def module_of(aws: FakeAws, *, check_mode: bool = False, **options: Any) -> FakeModule:
    validated = ArgumentSpecValidator(ecs_service_capacity.ARGUMENTS).validate(
        {"cluster": "shop", "service": "canary", **options}
    )
    assert not validated.error_messages
    return FakeModule(aws, validated.validated_parameters, check_mode=check_mode)


def capacity_of_module(module: FakeModule) -> dict[str, Any]:
    return ecs_service_capacity.ensure_capacity(cast(CanaryModule, module))


def sizes(desired: int, low: int | None, high: int | None) -> dict[str, int | None]:
    return {"desired": desired, "min": low, "max": high}


def test_sets_all_three_and_waits_for_the_tasks_and_their_health(aws: FakeAws) -> None:
    aws.then("describe_services", lambda: None, lambda: None, lambda: aws.settle("canary"))
    result = capacity(aws, desired=4, min=3, max=8)
    assert result["changed"]
    assert result["before"] == sizes(2, 2, 4)
    assert result["after"] == sizes(4, 3, 8)
    assert (result["running"], result["healthy"]) == (4, 4)
    assert result["diff"] == {"before": result["before"], "after": result["after"]}
    assert result["service"]["cluster"] == "shop"
    assert result["log"][-1].startswith("Service canary is ready: 4 running")


def test_a_second_run_changes_nothing_and_still_waits(aws: FakeAws) -> None:
    aws.services["canary"]["runningCount"] = 1
    aws.then("describe_services", lambda: None, lambda: None, lambda: aws.settle("canary"))
    result = capacity(aws, desired=2, min=2, max=4)
    assert not result["changed"]
    assert aws.changes == []
    assert result["running"] == 2


def test_a_repeat_on_a_service_at_rest_takes_four_calls(aws: FakeAws) -> None:
    capacity(aws, desired=2, min=2, max=4)
    assert [call[0] for call in aws.calls] == [
        "describe_services",
        "describe_scalable_targets",
        "describe_services",
        "describe_target_health",
    ]


def test_check_mode_predicts_and_changes_nothing(aws: FakeAws) -> None:
    predicted = capacity(aws, check_mode=True, desired=4, max=8)
    assert aws.changes == []
    aws.then("describe_services", lambda: None, lambda: aws.settle("canary"))
    done = capacity(aws, desired=4, max=8)
    assert predicted.keys() == done.keys()
    assert predicted["changed"] and predicted["after"] == done["after"] == sizes(4, 2, 8)
    assert predicted["diff"] == done["diff"]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"min": 1}, {"MinCapacity": 1}),
        ({"max": 9}, {"MaxCapacity": 9}),
        ({"min": 1, "max": 9}, {"MinCapacity": 1, "MaxCapacity": 9}),
        ({"min": 2, "max": 9}, {"MaxCapacity": 9}),
    ],
)
def test_a_bound_left_out_or_in_place_is_not_sent(aws: FakeAws, options: dict[str, int], sent: dict[str, int]) -> None:
    capacity(aws, **options)
    (registered,) = aws.made("register_scalable_target")
    assert {name: value for name, value in registered.items() if name.endswith("Capacity")} == sent
    assert "SuspendedState" not in registered
    assert aws.made("update_service") == []


def test_the_desired_count_alone_leaves_the_bounds_alone(aws: FakeAws) -> None:
    aws.then("describe_services", lambda: None, lambda: aws.settle("canary"))
    capacity(aws, desired=3)
    assert aws.changes == ["update_service"]
    assert aws.made("update_service") == [{"cluster": CLUSTER, "service": "canary", "desiredCount": 3}]


@pytest.mark.parametrize(
    ("options", "order"),
    [
        pytest.param({"desired": 6, "min": 2, "max": 8}, ["bounds", "count"], id="growing: room first"),
        pytest.param({"desired": 3, "min": 3, "max": 4}, ["count", "bounds"], id="a higher min: count first"),
        pytest.param({"desired": 0, "min": 0, "max": 4}, ["bounds", "count"], id="shrinking: a lower min first"),
        pytest.param({"desired": 9, "min": 8, "max": 10}, ["bounds", "count", "bounds"], id="nothing in common"),
    ],
)
def test_writes_are_ordered_so_that_the_autoscaler_leaves_the_count_alone(
    aws: FakeAws, options: dict[str, int], order: list[str]
) -> None:
    aws.then("describe_services", lambda: None, lambda: aws.settle("canary"))
    capacity(aws, **options)
    kinds = {"register_scalable_target": "bounds", "update_service": "count"}
    assert [kinds[name] for name in aws.changes] == order


def test_a_scalable_target_is_created_from_both_bounds(aws: FakeAws) -> None:
    aws.targets.clear()
    result = capacity(aws, min=1, max=6)
    assert result["before"] == sizes(2, None, None)
    assert result["after"] == sizes(2, 1, 6)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"desired": 5}, "desired 5 lies outside the bounds of service canary, min 2 and max 4"),
        ({"desired": 1, "max": 9}, "desired 1 lies outside the bounds of service canary, min 2 and max 9"),
        ({"min": 5}, "min 5 is above max 4"),
        ({"max": 1}, "min 2 is above max 1"),
        ({"min": -1}, "min is -1"),
        ({"desired": -1}, "desired is -1"),
    ],
)
def test_what_cannot_be_is_refused_with_the_numbers(aws: FakeAws, options: dict[str, int], says: str) -> None:
    with pytest.raises(CanaryError, match=says):
        capacity(aws, **options)
    assert aws.changes == []


@pytest.mark.parametrize(("options", "missing"), [({"min": 1}, "max"), ({"max": 5}, "min")])
def test_one_bound_without_a_scalable_target_is_refused(aws: FakeAws, options: dict[str, int], missing: str) -> None:
    aws.targets.clear()
    with pytest.raises(CanaryError, match=f"no scalable target: give {missing} too"):
        capacity(aws, **options)
    assert aws.changes == []


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"schedulingStrategy": "DAEMON"}, "DAEMON"),
        ({"status": "INACTIVE"}, "INACTIVE"),
        ({"status": "DRAINING"}, "DRAINING"),
    ],
)
def test_a_service_without_a_count_to_set_is_refused(aws: FakeAws, fields: dict[str, str], says: str) -> None:
    aws.services["canary"].update(fields)
    with pytest.raises(CanaryError, match=says):
        capacity(aws, desired=3)
    assert aws.changes == []


def test_what_only_grows_leaves_what_is_larger(aws: FakeAws) -> None:
    """Somebody else raised it, after the run that asks for less had looked."""
    aws.add_service("stable", desired=6)
    aws.add_target("stable", 3, 9)
    result = capacity(aws, service="stable", desired=4, min=4, max=8, grow=True)
    assert result["after"] == sizes(6, 4, 9)
    assert aws.made("update_service") == []
    assert capacity(aws, service="stable", desired=4, min=4, max=8, grow=True)["changed"] is False


def test_what_only_grows_leaves_a_count_that_somebody_set_beyond_the_bounds(aws: FakeAws) -> None:
    aws.add_service("stable", desired=12)
    aws.add_target("stable", 2, 10)
    result = capacity(aws, service="stable", desired=10, min=10, grow=True)
    assert result["after"] == sizes(12, 10, 10)
    assert aws.made("update_service") == []


def test_sizes_from_another_service_for_its_share(aws: FakeAws) -> None:
    aws.then("describe_services", lambda: None, lambda: aws.settle("canary"))
    result = capacity(aws, like={"service": "stable", "percent": 30})
    assert result["after"] == sizes(3, 3, 9)


def test_sizes_from_a_service_without_a_scalable_target_by_the_count_alone(aws: FakeAws) -> None:
    del aws.targets["service/shop/stable"]
    aws.then("describe_services", lambda: None, lambda: aws.settle("canary"))
    assert capacity(aws, like={"service": "stable", "percent": 40})["after"] == sizes(4, 2, 4)


def test_at_least_takes_the_place_of_the_defaults(aws: FakeAws) -> None:
    aws.then("describe_services", lambda: None, lambda: aws.settle("canary"))
    like = {"service": "stable", "percent": 0, "at_least": {"desired": 1, "min": 1}}
    assert capacity(aws, like=like)["after"] == sizes(1, 1, 4)


def test_a_service_is_not_sized_like_itself(aws: FakeAws) -> None:
    with pytest.raises(CanaryError, match="itself"):
        capacity(aws, like={"service": "canary", "percent": 50})


def test_a_suspended_autoscaler_is_told_of_and_left_so(aws: FakeAws) -> None:
    aws.add_target("canary", 2, 4, SuspendedState={"DynamicScalingInSuspended": True})
    result = capacity(aws, max=6)
    assert result["log"][0] == "The autoscaler of service canary is suspended (scaling in), and is left so."


def test_a_reading_from_before_the_write_does_not_end_the_wait(aws: FakeAws) -> None:
    """DescribeServices may show the old count, with all its tasks running, after UpdateService answered."""
    old = dict(aws.services["canary"])
    new: dict[str, Any] = {}

    def stale() -> None:
        new.update(aws.services["canary"])
        aws.services["canary"].update(old)

    def fresh() -> None:
        aws.services["canary"].update(new)

    aws.then("describe_services", lambda: None, stale, fresh, lambda: aws.settle("canary"))
    result = capacity(aws, desired=4)
    assert (result["after"]["desired"], result["running"]) == (4, 4)


def test_something_else_that_sets_the_count_is_an_error_with_both_values(aws: FakeAws) -> None:
    def fight() -> None:
        aws.services["canary"]["desiredCount"] = 2

    aws.then("describe_services", lambda: None, *[fight] * 20)
    with pytest.raises(CanaryError, match=r"was set to desired 4, min 2, max 4, but .* desired 2, min 2, max 4"):
        capacity(aws, desired=4, wait_timeout=10)


def test_a_group_that_no_rule_forwards_to_is_not_waited_for(aws: FakeAws) -> None:
    aws.health[group_arn("canary")] = ["unused", "unused", "draining"]
    result = capacity(aws, desired=2)
    assert result["healthy"] is None


@pytest.mark.parametrize("states", [["healthy", "initial"], ["healthy", "unused"], ["healthy"], []])
def test_waits_until_there_is_a_healthy_target_for_each_task(aws: FakeAws, states: list[str]) -> None:
    aws.health[group_arn("canary")] = states
    aws.then("describe_services", lambda: None, lambda: None, lambda: aws.settle("canary"))
    assert capacity(aws, desired=2)["healthy"] == 2
    assert len(aws.made("describe_services")) == 3


def test_without_wait_returns_what_is_there(aws: FakeAws) -> None:
    result = capacity(aws, desired=4, wait=False)
    assert result["after"]["desired"] == 4
    assert result["running"] == 2


def test_a_timeout_says_how_far_it_came_and_why_tasks_stopped(aws: FakeAws) -> None:
    aws.stopped = [
        {
            "taskArn": f"task/{number}",
            "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "app", "exitCode": 1}],
        }
        for number in range(3)
    ] + [{"taskArn": "task/9", "stoppedReason": "Scaling activity initiated by (deployment ecs-svc/1)"}]
    aws.services["canary"]["pendingCount"] = 1
    with pytest.raises(CanaryError) as error:
        capacity(aws, desired=4, wait_timeout=30)
    text = str(error.value)
    assert "2 running and 1 pending of 4 desired; target group canary: 2 healthy" in text
    assert "3 x Essential container in task exited: container app exited with 1" in text
    assert "has reached a steady state" in text
    assert error.value.facts["stopped_tasks"] == ["3 x Essential container in task exited: container app exited with 1"]
    assert (error.value.facts["before"], error.value.facts["wanted"]) == (sizes(2, 2, 4), sizes(4, 2, 4))
    assert error.value.facts["changed"]


def test_reasons_that_may_not_be_read_do_not_hide_the_timeout(aws: FakeAws) -> None:
    def deny() -> None:
        raise refusal("AccessDeniedException", "ListTasks")

    aws.then("list_tasks", deny)
    with pytest.raises(CanaryError, match=r"did not get its desired tasks .*could not be read .*permission denied"):
        capacity(aws, desired=4, wait_timeout=4)


def test_a_failed_deployment_ends_the_wait_at_once(aws: FakeAws) -> None:
    aws.services["canary"]["deployments"][0].update(rolloutState="FAILED", rolloutStateReason="tasks failed to start")
    with pytest.raises(CanaryError, match="FAILED: tasks failed to start"):
        capacity(aws, desired=2)


def test_a_refused_write_names_the_resource(aws: FakeAws) -> None:
    def deny() -> None:
        raise refusal("AccessDeniedException", "UpdateService")

    aws.then("update_service", deny)
    with pytest.raises(
        AwsError, match=r"UpdateService on service arn:aws:ecs.*service/shop/canary failed: permission"
    ) as error:
        capacity(aws, desired=4)
    assert not error.value.facts["changed"]


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("form", ["service/canary", "service/shop/canary"])
def test_every_form_of_arn_leads_to_the_same_scalable_target(aws: FakeAws, partition: str, form: str) -> None:
    arn = f"arn:{partition}:ecs:eu-central-1:123456789012:{form}"
    aws.services["canary"].update(serviceArn=arn, clusterArn=CLUSTER.replace("arn:aws:", f"arn:{partition}:"))
    result = capacity(aws, service=arn, cluster=CLUSTER, max=6)
    assert aws.made("register_scalable_target")[0]["ResourceId"] == "service/shop/canary"
    assert result["service"] == {"name": "canary", "arn": arn, "cluster": "shop"}


TAG = "canary.ecs:min"


def live_min(aws: FakeAws, name: str = "stable") -> int:
    return int(aws.targets[f"service/shop/{name}"]["MinCapacity"])


def tag(aws: FakeAws, name: str = "stable") -> str | None:
    return next((tag["value"] for tag in aws.services[name].get("tags", []) if tag["key"] == TAG), None)


def hold(aws: FakeAws, minimum: int, *, check_mode: bool = False) -> dict[str, Any]:
    return capacity(aws, service="stable", desired=10, min=minimum, hold=True, check_mode=check_mode)


def let_go(aws: FakeAws, *, check_mode: bool = False) -> dict[str, Any]:
    return capacity(aws, service="stable", hold=False, wait=False, check_mode=check_mode)


def test_a_held_service_gets_its_own_min_back(aws: FakeAws) -> None:
    assert hold(aws, 10)["changed"]
    assert (live_min(aws), tag(aws)) == (10, "4/10")
    assert aws.changes == ["tag_resource", "register_scalable_target"], "remembered before it is changed"
    assert let_go(aws)["changed"]
    assert (live_min(aws), tag(aws)) == (4, None)
    assert aws.changes[2:] == ["register_scalable_target", "untag_resource"], "forgotten after it is put back"


def test_holding_and_letting_go_again_changes_nothing(aws: FakeAws) -> None:
    hold(aws, 10)
    assert not hold(aws, 10)["changed"]
    let_go(aws)
    assert not let_go(aws)["changed"]
    assert len(aws.changes) == 4


def cut_off() -> None:
    raise refusal("ServerException")


@pytest.mark.parametrize("operation", ["tag_resource", "register_scalable_target", "untag_resource"])
def test_a_run_that_ended_at_any_write_forgets_nothing(aws: FakeAws, operation: str) -> None:
    """Held, held higher, and let go of, each cut off at a write and done again; the own min comes back."""
    for step in (lambda: hold(aws, 8), lambda: hold(aws, 10), lambda: let_go(aws)):
        aws.then(operation, cut_off)
        with suppress(AwsError):
            step()
        aws.undo(operation)
        step()
    assert (live_min(aws), tag(aws)) == (4, None)


def test_a_min_that_somebody_else_has_set_since_is_theirs(aws: FakeAws) -> None:
    hold(aws, 10)
    aws.targets["service/shop/stable"]["MinCapacity"] = 6
    let_go(aws)
    assert (live_min(aws), tag(aws)) == (6, None)


def test_check_mode_holds_nothing(aws: FakeAws) -> None:
    assert hold(aws, 10, check_mode=True)["changed"]
    assert aws.changes == []


def test_a_service_that_cannot_have_tags_keeps_its_min_and_somebody_is_told(aws: FakeAws) -> None:
    aws.services["stable"]["serviceArn"] = "arn:aws:ecs:eu-central-1:123456789012:service/stable"
    module = module_of(aws, service="stable", desired=10, min=10, hold=True)
    capacity_of_module(module)
    assert aws.changes == []
    (warning,) = module.warnings
    assert "its ARN has the old form" in warning
    capacity_of_module(own := module_of(aws, service="stable", desired=10, min=4, hold=True))
    assert own.warnings == [], "there is nothing to hold"
    let_go(aws)
    assert aws.changes == []


def test_a_service_without_scalable_target_is_held_by_nothing(aws: FakeAws) -> None:
    del aws.targets["service/shop/stable"]
    capacity(aws, service="stable", desired=10, hold=True)
    let_go(aws)
    assert aws.changes == []


def test_letting_go_takes_no_min(aws: FakeAws) -> None:
    with pytest.raises(CanaryError, match="leave out min and like"):
        capacity(aws, service="stable", min=3, hold=False)
