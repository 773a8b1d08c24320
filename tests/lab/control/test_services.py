# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ECS services on the scheduler: tasks, deployments, the circuit breaker."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.control.world import Pair

# The scalable target of the service that each test makes.
SCALED = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/main/app",
    "ScalableDimension": "ecs:service:DesiredCount",
}


def rollouts(pair: Pair) -> list[tuple[str, str]]:
    return [(one["status"], one["rolloutState"]) for one in pair.service()["deployments"]]


def settled(pair: Pair, tag: str = "v1", **more: Any) -> str:
    """Create the service, let it come to rest, and return its deployment's id."""
    pair.create_service(tag, **more)
    pair.run(10)
    assert rollouts(pair) == [("PRIMARY", "COMPLETED")]
    return str(pair.service()["deployments"][0]["id"])


def test_a_service_starts_its_tasks_and_completes(pair: Pair) -> None:
    pair.create_service()
    assert rollouts(pair) == [("PRIMARY", "IN_PROGRESS")]
    pair.run(0.75)
    assert (pair.service()["pendingCount"], pair.service()["runningCount"]) == (2, 0)
    pair.run(9)
    assert (pair.service()["pendingCount"], pair.service()["runningCount"]) == (0, 2)
    assert rollouts(pair) == [("PRIMARY", "COMPLETED")]
    assert pair.states(pair.stable) == ["healthy", "healthy"]


def test_create_service_wants_a_group_behind_a_balancer(pair: Pair) -> None:
    lonely = pair.group("lonely", pair.vpc)
    balancers = [{"targetGroupArn": lonely, "containerName": "app", "containerPort": 8000}]
    with pytest.raises(ClientError, match="does not have an associated load balancer"):
        pair.create_service(loadBalancers=balancers)


def test_a_new_task_definition_rolls_without_ever_too_few_healthy(pair: Pair) -> None:
    first = settled(pair)
    answer = pair.ecs.update_service(cluster="main", service="app", taskDefinition=pair.task_definition("v2"))[
        "service"
    ]
    assert [one["status"] for one in answer["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert answer["deployments"][0]["id"] != first
    for _turn in range(60):
        pair.run(0.25)
        assert pair.states(pair.stable).count("healthy") >= 2
    assert rollouts(pair) == [("PRIMARY", "COMPLETED")]
    assert pair.tags_running() == ["v2", "v2"]


def test_a_superseded_deployment_drains_before_its_tasks_get_sigterm(pair: Pair) -> None:
    settled(pair)
    old = list(pair.processes.values())
    pair.ecs.update_service(cluster="main", service="app", taskDefinition=pair.task_definition("v2"))
    while "draining" not in pair.states(pair.stable):
        pair.run(0.25)
    pair.run(4.5)
    assert all(process.signals == [] for process in old)
    assert rollouts(pair) == [("PRIMARY", "IN_PROGRESS"), ("ACTIVE", "COMPLETED")]
    pair.run(3)
    assert all(process.signals == ["TERM"] for process in old)


def test_nothing_starts_a_deployment_but_a_release(pair: Pair) -> None:
    first = settled(pair)
    same = pair.service()["taskDefinition"]
    pair.ecs.update_service(cluster="main", service="app", taskDefinition=same, desiredCount=3)
    pair.run(10)
    assert pair.service()["deployments"][0]["id"] == first
    assert pair.service()["runningCount"] == 3
    pair.ecs.update_service(cluster="main", service="app", forceNewDeployment=True)
    assert pair.service()["deployments"][0]["id"] != first


def test_the_breaker_rolls_back_to_the_last_completed_release(pair: Pair) -> None:
    first = settled(pair)
    bad = pair.ecs.update_service(cluster="main", service="app", taskDefinition=pair.task_definition("v2-crash"))
    failed = bad["service"]["deployments"][0]["id"]
    while pair.service()["deployments"][0]["id"] == failed:
        pair.run(0.25)
    now, then = pair.service()["deployments"]
    assert (then["id"], then["rolloutState"]) == (failed, "FAILED")
    assert then["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    assert then["failedTasks"] >= 3
    assert now["rolloutStateReason"] == f"ECS deployment circuit breaker: rolling back to deploymentId {first}."
    assert now["taskDefinition"].endswith(":1")
    assert pair.states(pair.stable) == ["healthy", "healthy"]
    pair.run(10)
    assert rollouts(pair) == [("PRIMARY", "COMPLETED")]
    assert pair.tags_running() == ["v1", "v1"]


def test_tasks_that_never_become_healthy_trip_the_breaker_too(pair: Pair) -> None:
    settled(pair)
    pair.ecs.update_service(cluster="main", service="app", taskDefinition=pair.task_definition("v2-unhealthy"))
    for _turn in range(240):
        pair.run(0.25)
        assert pair.states(pair.stable).count("healthy") >= 2
    assert pair.service()["taskDefinition"].endswith(":1")
    assert any("rolling back" in event["message"] for event in pair.service()["events"])


def test_without_rollback_a_failed_deployment_stays_and_the_old_one_serves(pair: Pair) -> None:
    settled(pair, deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}})
    pair.ecs.update_service(cluster="main", service="app", taskDefinition=pair.task_definition("v2-crash"))
    pair.run(30)
    assert rollouts(pair) == [("PRIMARY", "FAILED"), ("ACTIVE", "COMPLETED")]
    assert pair.tags_running() == ["v1", "v1"]


def test_a_task_that_dies_is_replaced_and_its_target_leaves(pair: Pair) -> None:
    settled(pair)
    address, victim = next(iter(pair.processes.items()))
    victim.status = -9
    pair.run(10)
    assert pair.service()["runningCount"] == 2
    found = pair.elb.describe_target_health(TargetGroupArn=pair.stable)["TargetHealthDescriptions"]
    assert address not in {one["Target"]["Id"] for one in found}
    stopped = pair.ecs.list_tasks(cluster="main", serviceName="app", desiredStatus="STOPPED")["taskArns"]
    task = pair.ecs.describe_tasks(cluster="main", tasks=stopped)["tasks"][0]
    assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", 137)


def test_an_unhealthy_task_is_replaced_after_the_grace_period(pair: Pair) -> None:
    settled(pair, healthCheckGracePeriodSeconds=30)
    sick = next(iter(pair.processes))
    pair.ill = {sick}
    pair.run(15)
    assert pair.processes[sick].status is None
    pair.run(20)
    assert pair.processes[sick].status is not None
    assert pair.states(pair.stable).count("healthy") == 2


def test_a_deaf_task_is_killed_after_its_stop_timeout(pair: Pair) -> None:
    settled(pair, "v1-deaf", count=1)
    process = next(iter(pair.processes.values()))
    pair.ecs.update_service(cluster="main", service="app", desiredCount=0)
    pair.run(30)
    assert process.signals == ["TERM"]
    pair.run(10)
    assert process.signals == ["TERM", "KILL"]


def test_stop_task_makes_room_for_another(pair: Pair) -> None:
    settled(pair)
    task = pair.ecs.list_tasks(cluster="main", serviceName="app")["taskArns"][0]
    pair.ecs.stop_task(cluster="main", task=task, reason="trying")
    pair.run(15)
    assert pair.ecs.describe_tasks(cluster="main", tasks=[task])["tasks"][0]["stoppedReason"] == "trying"
    assert len(pair.ecs.list_tasks(cluster="main", serviceName="app")["taskArns"]) == 2


def test_a_deleted_service_drains_then_is_inactive_and_still_described(pair: Pair) -> None:
    settled(pair)
    with pytest.raises(ClientError, match="scaled above 0"):
        pair.ecs.delete_service(cluster="main", service="app")
    pair.ecs.delete_service(cluster="main", service="app", force=True)
    assert pair.service()["status"] == "DRAINING"
    with pytest.raises(ClientError, match="still Draining"):
        pair.create_service()
    pair.run(10)
    assert pair.service()["status"] == "INACTIVE"
    assert pair.tags_running() == []
    with pytest.raises(ClientError, match="not ACTIVE"):
        pair.ecs.update_service(cluster="main", service="app", desiredCount=1)
    pair.create_service()
    assert pair.service()["status"] == "ACTIVE"


def test_a_missing_service_is_a_failure_not_an_error(pair: Pair) -> None:
    pair.create_service()
    answer = pair.ecs.describe_services(cluster="main", services=["app", "ap", "other"])
    assert [one["serviceName"] for one in answer["services"]] == ["app"]
    assert [(one["arn"].rsplit("/", 1)[-1], one["reason"]) for one in answer["failures"]] == [
        ("ap", "MISSING"),
        ("other", "MISSING"),
    ]


def test_services_are_found_by_either_form_of_their_arn(pair: Pair) -> None:
    pair.create_service()
    arn = pair.service()["serviceArn"]
    for form in (arn, arn.replace("/main/", "/")):
        assert pair.service(form)["serviceArn"] == arn
    answer = pair.ecs.describe_services(cluster="main", services=[arn.replace("/main/", "/else/")])
    assert answer["services"] == []


def test_codedeploy_services_refuse_a_task_definition(pair: Pair) -> None:
    pair.create_service(deploymentController={"type": "CODE_DEPLOY"})
    with pytest.raises(ClientError, match="CODE_DEPLOY"):
        pair.ecs.update_service(cluster="main", service="app", taskDefinition=pair.task_definition("v2"))


@pytest.mark.parametrize(("bounds", "expected"), [((3, 5), 3), ((1, 1), 1), ((1, 5), 2)])
def test_the_autoscaler_moves_a_count_back_into_its_bounds(pair: Pair, bounds: tuple[int, int], expected: int) -> None:
    first = settled(pair)
    scaling = pair.client("application-autoscaling")
    scaling.register_scalable_target(**SCALED, MinCapacity=bounds[0], MaxCapacity=bounds[1])
    pair.run(1)
    assert pair.service()["desiredCount"] == 2
    pair.run(15)
    assert (pair.service()["desiredCount"], pair.service()["runningCount"]) == (expected, expected)
    assert pair.service()["deployments"][0]["id"] == first


def track(pair: Pair, policy: dict[str, Any] | None) -> None:
    """Give the service a scalable target of 1 to 4 tasks, and a policy that follows its load."""
    scaling = pair.client("application-autoscaling")
    scaling.register_scalable_target(**SCALED, MinCapacity=1, MaxCapacity=4)
    if policy is not None:
        metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}
        scaling.put_scaling_policy(
            **SCALED,
            PolicyName="cpu",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={"TargetValue": 60, **metric, **policy},
        )


@pytest.mark.parametrize(
    ("share", "policy", "expected"),
    [
        (100, {"ScaleInCooldown": 10}, 1),
        (50, {"ScaleInCooldown": 10}, 2),
        (100, {"ScaleInCooldown": 10, "DisableScaleIn": True}, 2),
        (100, {}, 2),
        (100, None, 2),
    ],
    ids=["idle", "loaded", "scale-in disabled", "not for long", "no policy"],
)
def test_the_autoscaler_takes_the_tasks_of_an_idle_service(
    pair: Pair, share: int, policy: dict[str, Any] | None, expected: int
) -> None:
    settled(pair)
    track(pair, policy)
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[pair.forward(100 - share, share)])
    pair.run(9)
    assert pair.service()["desiredCount"] == 2
    pair.run(15)
    assert pair.service()["desiredCount"] == expected
    pair.client("application-autoscaling").register_scalable_target(**SCALED, MinCapacity=2)
    pair.run(15)
    assert pair.service()["desiredCount"] == 2, "never below its min"


def test_the_autoscaler_sees_a_load_only_some_time_after_it_has_come(pair: Pair) -> None:
    """Metrics are minutes behind on AWS: a service that has been idle for long may lose tasks when it needs them."""
    settled(pair)
    track(pair, {"ScaleInCooldown": 10})
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[pair.forward(0, 100)])
    pair.run(20)
    assert pair.service()["desiredCount"] == 1
    pair.ecs.update_service(cluster="main", service="app", desiredCount=3)
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[pair.forward(100, 0)])
    pair.run(2)
    assert pair.service()["desiredCount"] == 1
    pair.run(10)
    pair.ecs.update_service(cluster="main", service="app", desiredCount=3)
    pair.run(20)
    assert pair.service()["desiredCount"] == 3


@pytest.mark.parametrize(
    ("capacities", "words"),
    [({"MinCapacity": 1}, "required"), ({"MinCapacity": 3, "MaxCapacity": 2}, "cannot be less than minimum")],
)
def test_a_new_scalable_target_is_whole(pair: Pair, capacities: dict[str, int], words: str) -> None:
    pair.create_service()
    with pytest.raises(ClientError, match=words):
        pair.client("application-autoscaling").register_scalable_target(**SCALED, **capacities)


def test_a_task_definition_carries_what_register_refuses(pair: Pair) -> None:
    arn = pair.task_definition("v1")
    found = pair.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    assert {"registeredAt", "registeredBy", "requiresAttributes", "compatibilities", "revision", "status"} <= set(found)
