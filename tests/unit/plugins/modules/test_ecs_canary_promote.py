# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.canary.ecs.plugins.module_utils._aws import poll
from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import AwsError
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._module import CanaryModule
from ansible_collections.canary.ecs.plugins.modules import ecs_canary_promote
from ansible_collections.canary.ecs.tests.unit.plugins.fake_aws import (
    CLUSTER,
    RULE,
    FakeAws,
    FakeModule,
    FakeTime,
    definition_arn,
    group_arn,
    refusal,
)
from botocore.exceptions import ConnectionClosedError, NoCredentialsError, ParamValidationError

V1, V2 = definition_arn("stable", 1), definition_arn("canary", 1)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """Stable runs cart:v1, the canary cart:v2 with all the traffic."""
    monkeypatch.setattr(poll, "time", FakeTime())
    aws = FakeAws()
    aws.add_definition("stable", 1, {"app": "cart:v1"})
    aws.add_definition("canary", 1, {"app": "cart:v2"})
    aws.add_service("stable")
    aws.add_service("canary")
    aws.weights[group_arn("canary")] = 100
    return aws


def promote(aws: FakeAws, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    return promote_in(FakeModule(aws, validated(options), check_mode=check_mode))


def promote_in(module: FakeModule) -> dict[str, Any]:
    return ecs_canary_promote.ensure_promoted(cast(CanaryModule, module))


def validated(options: dict[str, Any]) -> dict[str, Any]:
    names = {"cluster": "shop", "stable_service": "stable", "canary_service": "canary"}
    checked = ArgumentSpecValidator(ecs_canary_promote.ARGUMENTS).validate({**names, **options})
    assert not checked.error_messages
    return dict(checked.validated_parameters)


def after_update(aws: FakeAws, *happens: Callable[[], None]) -> None:
    """What happens before each reading of the service after UpdateService; the readings before are left alone."""
    aws.then("update_service", lambda: aws.then("describe_services", *happens))


def settles(aws: FakeAws) -> Callable[[], None]:
    return lambda: aws.settle("stable")


def nothing() -> None:
    """A reading on which nothing has moved."""


# The release reaches stable.


def test_stable_takes_the_task_definition_that_the_canary_runs(aws: FakeAws) -> None:
    after_update(aws, nothing, nothing, settles(aws))
    result = promote(aws)
    assert result["changed"]
    assert result["task_definition"] == {"before": V1, "after": V2}
    assert result["images"] == {"app": "cart:v2"}
    assert result["deployment"] == {"id": "ecs-svc/3", "rollout_state": "COMPLETED"}
    assert aws.services["stable"]["taskDefinition"] == V2
    assert aws.made("update_service") == [{"cluster": CLUSTER, "service": "stable", "taskDefinition": V2}]
    assert result["diff"]["before"] == {"task_definition": "stable:1", "images": {"app": "cart:v1"}}
    assert result["diff"]["after"] == {"task_definition": "canary:1", "images": {"app": "cart:v2"}}


def test_a_second_run_changes_nothing_wherever_the_traffic_is(aws: FakeAws) -> None:
    after_update(aws, settles(aws))
    promote(aws)
    aws.weights.update({group_arn("stable"): 100, group_arn("canary"): 0})
    aws.calls.clear()
    result = promote(aws)
    assert not result["changed"]
    assert aws.changes == []
    assert result["task_definition"] == {"before": V2, "after": V2}
    assert result["log"] == [
        "Service stable has canary:1 already: 2 running and 0 pending of 2 desired; target group stable: 2 healthy."
    ]


@pytest.mark.parametrize("take", ["task_definition", "image"])
def test_check_mode_predicts_and_changes_nothing(aws: FakeAws, take: str) -> None:
    predicted = promote(aws, check_mode=True, take=take)
    assert aws.changes == []
    after_update(aws, settles(aws))
    done = promote(aws, take=take)
    assert predicted.keys() == done.keys()
    assert predicted["changed"] and done["changed"]
    assert predicted["images"] == done["images"] == {"app": "cart:v2"}
    assert predicted["deployment"] == {"id": None, "rollout_state": None}


def test_check_mode_of_a_promoted_service_is_no_change(aws: FakeAws) -> None:
    after_update(aws, settles(aws))
    promote(aws)
    result = promote(aws, check_mode=True)
    assert not result["changed"]
    assert result["deployment"]["rollout_state"] == "COMPLETED"


def test_waits_for_healthy_targets_after_the_deployment_is_complete(aws: FakeAws) -> None:
    def complete_but_initial() -> None:
        aws.settle("stable")
        aws.health[group_arn("stable")] = ["healthy", "initial"]

    after_update(aws, complete_but_initial, nothing, settles(aws))
    assert promote(aws)["changed"]
    assert len(aws.made("describe_services")) == 2 + 3


def test_a_reading_from_before_the_deployment_does_not_end_the_wait(aws: FakeAws) -> None:
    """DescribeServices may show the old deployment alone, COMPLETED, after UpdateService answered."""
    stable, fresh = aws.services["stable"], {}
    stale = {"taskDefinition": V1, "deployments": [dict(stable["deployments"][0])]}

    def show_stale() -> None:
        fresh.update(stable)
        stable.update(stale)

    after_update(aws, show_stale, lambda: stable.update(fresh), settles(aws))
    assert promote(aws)["deployment"] == {"id": "ecs-svc/3", "rollout_state": "COMPLETED"}


def test_a_completed_deployment_is_not_enough_while_the_service_shows_another_release(aws: FakeAws) -> None:
    def completed_elsewhere() -> None:
        aws.settle("stable")
        aws.services["stable"]["taskDefinition"] = V1

    after_update(aws, completed_elsewhere, lambda: aws.services["stable"].update(taskDefinition=V2))
    assert promote(aws)["changed"]
    assert aws.services["stable"]["taskDefinition"] == V2


def test_a_run_that_was_interrupted_is_waited_for(aws: FakeAws) -> None:
    aws.client("ecs").update_service(aws_retry=True, cluster="shop", service="stable", taskDefinition=V2)
    aws.calls.clear()
    aws.then("describe_services", nothing, nothing, settles(aws))
    result = promote(aws)
    assert not result["changed"]
    assert result["deployment"] == {"id": "ecs-svc/3", "rollout_state": "COMPLETED"}
    assert aws.changes == []


def test_a_run_that_was_interrupted_and_fails_puts_the_old_release_back(aws: FakeAws) -> None:
    aws.client("ecs").update_service(aws_retry=True, cluster="shop", service="stable", taskDefinition=V2)
    aws.then("describe_services", nothing, lambda: aws.roll_back("stable"), settles(aws))
    with pytest.raises(CanaryError, match=r"Release .*stable:1 is back on service stable"):
        promote(aws)
    assert aws.services["stable"]["taskDefinition"] == V1


# The guard.


def test_refuses_while_a_rule_sends_requests_to_stable(aws: FakeAws) -> None:
    aws.weights.update({group_arn("stable"): 5, group_arn("canary"): 95})
    with pytest.raises(CanaryError, match=r"does not hold all traffic: rule 10 \(.*\) is at 95 % canary \(5/95\)"):
        promote(aws)
    assert aws.changes == []


def test_refuses_where_no_request_reaches_the_canary_either(aws: FakeAws) -> None:
    aws.weights.update({group_arn("stable"): 0, group_arn("canary"): 0})
    with pytest.raises(CanaryError, match="does not hold all traffic"):
        promote(aws)
    assert aws.changes == []


def test_clients_that_stick_to_stable_are_warned_of(aws: FakeAws) -> None:
    aws.sticky = {"Enabled": True, "DurationSeconds": 3600}
    after_update(aws, settles(aws))
    module = FakeModule(aws, validated({}))
    assert promote_in(module)["changed"]
    assert "3600 s clients that met stable may still go there" in module.warnings[0]


def test_the_rules_are_not_looked_at_when_told_so(aws: FakeAws) -> None:
    aws.weights.update({group_arn("stable"): 50, group_arn("canary"): 50})
    after_update(aws, settles(aws))
    assert promote(aws, require_full_traffic=False)["changed"]
    assert aws.made("describe_rules") == []


def test_rules_narrows_the_look(aws: FakeAws) -> None:
    after_update(aws, settles(aws))
    promote(aws, rules=[RULE])
    assert aws.made("describe_rules") == [{"RuleArns": [RULE]}]


@pytest.mark.parametrize(
    ("service", "fields", "says"),
    [
        ("stable", {"deploymentController": {"type": "CODE_DEPLOY"}}, "deployment controller CODE_DEPLOY"),
        ("stable", {"deploymentController": {"type": "EXTERNAL"}}, "deployment controller EXTERNAL"),
        ("stable", {"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}, "deployment strategy BLUE_GREEN"),
        ("stable", {"schedulingStrategy": "DAEMON"}, "DAEMON"),
        ("stable", {"status": "DRAINING"}, "DRAINING"),
        ("stable", {"status": "INACTIVE"}, "INACTIVE"),
        ("stable", {"desiredCount": 0}, "desired count of 0"),
        ("canary", {"status": "DRAINING"}, "DRAINING"),
        ("canary", {"taskDefinition": ""}, "no task definition"),
    ],
)
@pytest.mark.parametrize("take", ["task_definition", "image"])
def test_refuses_before_any_change(aws: FakeAws, service: str, fields: dict[str, Any], says: str, take: str) -> None:
    aws.services[service].update(fields)
    with pytest.raises(CanaryError, match=says):
        promote(aws, take=take)
    assert aws.changes == []


def test_refuses_a_canary_between_two_releases(aws: FakeAws) -> None:
    canary = aws.services["canary"]
    old = {**canary["deployments"][0], "id": "ecs-svc/0", "status": "ACTIVE", "runningCount": 1}
    canary["deployments"].append(old)
    with pytest.raises(CanaryError, match=r"no release to take: .* Its deployments are PRIMARY .*; ACTIVE") as caught:
        promote(aws)
    assert caught.value.facts["service"] == canary["serviceArn"]
    assert aws.changes == []


def test_refuses_a_canary_whose_deployment_failed(aws: FakeAws) -> None:
    aws.services["canary"]["deployments"][0]["rolloutState"] = "FAILED"
    with pytest.raises(CanaryError, match="no release to take"):
        promote(aws)
    assert aws.changes == []


def test_refuses_one_service_for_both(aws: FakeAws) -> None:
    with pytest.raises(CanaryError, match="both stable"):
        promote(aws, canary_service=aws.services["stable"]["serviceArn"])
    assert aws.changes == []


def test_a_refused_update_changes_nothing_and_puts_nothing_back(aws: FakeAws) -> None:
    def deny() -> None:
        raise refusal("AccessDeniedException", "UpdateService")

    aws.then("update_service", deny)
    with pytest.raises(AwsError, match="permission denied"):
        promote(aws)
    assert aws.changes == ["tag_resource", "update_service", "untag_resource"]
    assert aws.services["stable"]["tags"] == []


@pytest.mark.parametrize("error", [NoCredentialsError(), ParamValidationError(report="a new option")])
def test_an_update_that_was_not_sent_puts_nothing_back(aws: FakeAws, error: Exception) -> None:
    def stop() -> None:
        raise error

    aws.then("update_service", stop)
    with pytest.raises(AwsError, match="was not sent"):
        promote(aws)
    assert aws.changes == ["tag_resource", "update_service", "untag_resource"]
    assert aws.services["stable"]["tags"] == []


# Stable takes back what it had.


def test_stable_takes_back_the_release_from_before_its_promotion(aws: FakeAws) -> None:
    after_update(aws, settles(aws))
    promote(aws)
    aws.weights[group_arn("stable")] = 50
    aws.services["canary"]["deployments"][0]["rolloutState"] = "FAILED"
    after_update(aws, settles(aws))
    result = promote(aws, take="previous")
    assert result["task_definition"] == {"before": V2, "after": V1}
    assert aws.services["stable"]["taskDefinition"] == V1


def test_a_promotion_that_fails_leaves_the_release_from_before_the_last_one_known(aws: FakeAws) -> None:
    after_update(aws, settles(aws))
    promote(aws)
    aws.services["canary"]["taskDefinition"] = aws.add_definition("canary", 3, {"app": "cart:v3"})
    after_update(aws, lambda: aws.roll_back("stable"), settles(aws))
    with pytest.raises(CanaryError, match="is back on service stable"):
        promote(aws)
    after_update(aws, settles(aws))
    assert promote(aws, take="previous")["task_definition"] == {"before": V2, "after": V1}


@pytest.mark.parametrize("refused", ["tag_resource", "untag_resource"])
def test_a_memory_that_cannot_be_put_back_hides_no_reason(aws: FakeAws, refused: str) -> None:
    """Stable had none before, or had that of an earlier promotion."""
    if refused == "tag_resource":
        after_update(aws, settles(aws))
        promote(aws)
        aws.services["canary"]["taskDefinition"] = aws.add_definition("canary", 3, {"app": "cart:v3"})

    def deny(operation: str) -> None:
        raise refusal("AccessDeniedException", operation)

    def refuse_all() -> None:
        aws.then(refused, lambda: deny("TagResource"))
        deny("UpdateService")

    aws.then("update_service", refuse_all)
    with pytest.raises(AwsError, match="allow UpdateService"):
        promote(aws)
    assert aws.changes[-2:] == ["update_service", refused]


def test_taking_it_back_again_changes_nothing_and_waits_for_it(aws: FakeAws) -> None:
    """Also where the first run was killed, while stable was still taking it."""
    after_update(aws, settles(aws))
    promote(aws)
    after_update(aws, settles(aws))
    promote(aws, take="previous")
    made = len(aws.changes)
    result = promote(aws, take="previous")
    assert (result["changed"], result["task_definition"]["after"], len(aws.changes)) == (False, V1, made)


def test_a_release_that_did_not_come_by_a_promotion_hides_none(aws: FakeAws) -> None:
    after_update(aws, settles(aws))
    promote(aws)
    aws.add_definition("stable", 9, {"app": "cart:v9"})
    aws.services["stable"]["taskDefinition"] = definition_arn("stable", 9)
    made = len(aws.changes)
    with pytest.raises(CanaryError, match=r"does not remember a release from before .*stable:9.* Nothing was changed"):
        promote(aws, take="previous")
    assert len(aws.changes) == made


def test_a_release_that_ecs_deploys_no_longer_is_refused(aws: FakeAws) -> None:
    after_update(aws, settles(aws))
    promote(aws)
    aws.definitions[V1]["status"] = "INACTIVE"
    made = len(aws.changes)
    with pytest.raises(CanaryError, match=r"stable:1, was deregistered.* Nothing was changed"):
        promote(aws, take="previous", check_mode=True)
    assert len(aws.changes) == made


def test_a_release_that_stable_never_ran_is_not_the_one_to_restore(aws: FakeAws) -> None:
    """It is promoted to another one while it is still taking the last one."""
    aws.client("ecs").update_service(aws_retry=True, cluster="shop", service="stable", taskDefinition=V2)
    aws.add_definition("canary", 3, {"app": "cart:v3"})
    aws.services["canary"]["taskDefinition"] = definition_arn("canary", 3)
    after_update(aws, settles(aws))
    promote(aws)
    tags = {tag["key"]: tag["value"] for tag in aws.services["stable"]["tags"]}
    assert tags["canary.ecs:previous-release"] == V1


def test_a_service_that_cannot_have_tags_is_promoted_all_the_same(aws: FakeAws) -> None:
    service = aws.services["stable"]
    service["serviceArn"] = service["serviceArn"].replace("service/shop/", "service/")
    after_update(aws, settles(aws))
    result = promote(aws)
    assert result["changed"]
    assert "tag_resource" not in aws.changes
    assert any("cannot remember stable:1" in line for line in result["log"])


# A release that fails leaves stable with the old one.


def assert_put_back(aws: FakeAws, error: CanaryError) -> None:
    """The old release is back and said to be, and nobody touched the canary."""
    assert aws.services["stable"]["taskDefinition"] == V1
    assert error.facts["put_back"] is True
    assert error.facts["changed"] is True
    assert "is back on service stable" in str(error)
    assert {call["service"] for call in aws.made("update_service")} == {"stable"}
    assert aws.made("modify_rule", "modify_listener") == []


def test_a_circuit_breaker_rollback_is_a_failure_with_its_reason(aws: FakeAws) -> None:
    """The service is stable again after it, on the old release."""
    aws.stopped = [
        {
            "taskArn": "task/1",
            "startedBy": "ecs-svc/3",
            "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "app", "exitCode": 137, "reason": "OutOfMemoryError"}],
        },
        {"taskArn": "task/2", "startedBy": "ecs-svc/1", "stoppedReason": "of another deployment"},
    ]
    after_update(aws, nothing, lambda: aws.roll_back("stable"), settles(aws))
    with pytest.raises(CanaryError) as caught:
        promote(aws)
    assert_put_back(aws, caught.value)
    assert "circuit breaker: tasks failed to start" in str(caught.value)
    assert "1 x Essential container in task exited: container app exited with 137 (OutOfMemoryError)" in str(
        caught.value
    )
    assert "of another deployment" not in str(caught.value)
    assert caught.value.facts["deployment"] == {"id": "ecs-svc/3", "rollout_state": "FAILED"}


def test_a_deployment_that_somebody_replaced_is_a_failure_that_names_theirs(aws: FakeAws) -> None:
    v3 = aws.add_definition("stable", 3, {"app": "cart:v3"})

    def replace() -> None:
        aws.client("ecs").update_service(aws_retry=True, cluster="shop", service="stable", taskDefinition=v3)

    after_update(aws, nothing, replace, settles(aws))
    with pytest.raises(CanaryError, match=rf"deployment ecs-svc/4 of task definition {v3} took its place") as caught:
        promote(aws)
    assert aws.services["stable"]["taskDefinition"] == V1
    assert caught.value.facts["put_back"] is True


def test_a_deployment_that_vanished_is_a_failure(aws: FakeAws) -> None:
    def vanish() -> None:
        service = aws.services["stable"]
        service["deployments"] = [{**service["deployments"][1], "status": "PRIMARY", "rolloutState": "COMPLETED"}]
        service["taskDefinition"] = V1

    after_update(aws, nothing, vanish)
    with pytest.raises(CanaryError, match=r"ecs-svc/1 .*took its place") as caught:
        promote(aws)
    assert_put_back(aws, caught.value)


def test_targets_that_never_become_healthy_are_a_failure(aws: FakeAws) -> None:
    def sick() -> None:
        aws.settle("stable")
        aws.health[group_arn("stable")] = ["unhealthy", "unhealthy"]

    after_update(aws, *[sick] * 60, settles(aws))
    aws.then("update_service", lambda: aws.then("describe_services", settles(aws)))
    with pytest.raises(CanaryError, match=r"was not through after 60 s: .*target group stable: 2 unhealthy") as caught:
        promote(aws, wait_timeout=60)
    assert_put_back(aws, caught.value)


def test_a_timeout_says_how_far_it_came(aws: FakeAws) -> None:
    after_update(aws, nothing)
    aws.then("update_service", lambda: aws.then("describe_services", settles(aws)))
    with pytest.raises(CanaryError) as caught:
        promote(aws, wait_timeout=0)
    assert_put_back(aws, caught.value)
    assert "PRIMARY deployment ecs-svc/3" in str(caught.value)
    assert "IN_PROGRESS, 0 running of 2, 0 failed" in str(caught.value)
    assert caught.value.facts["events"] == ["(service stable) has reached a steady state."]


def test_what_comes_back_is_the_release_that_stable_ran_and_not_one_that_it_was_only_taking(aws: FakeAws) -> None:
    """A promotion that was cut off left the second release on its way; the third one fails."""
    aws.client("ecs").update_service(aws_retry=True, cluster="shop", service="stable", taskDefinition=V2)
    aws.add_definition("canary", 3, {"app": "cart:v3"})
    aws.services["canary"]["taskDefinition"] = definition_arn("canary", 3)
    after_update(aws, lambda: aws.roll_back("stable"), settles(aws))
    with pytest.raises(CanaryError) as caught:
        promote(aws)
    assert_put_back(aws, caught.value)


def test_a_release_whose_deployment_failed_is_not_the_one_from_before(aws: FakeAws) -> None:
    aws.client("ecs").update_service(aws_retry=True, cluster="shop", service="stable", taskDefinition=V2)
    first, before = aws.services["stable"]["deployments"]
    broken = {**before, "id": "ecs-svc/0", "taskDefinition": definition_arn("stable", 9), "rolloutState": "FAILED"}
    aws.services["stable"]["deployments"] = [first, broken, before]
    aws.then("describe_services", nothing, lambda: aws.roll_back("stable"), settles(aws))
    with pytest.raises(CanaryError, match=r"Release .*stable:1 is back on service stable"):
        promote(aws)


def test_a_call_that_fails_on_the_way_puts_the_old_release_back(aws: FakeAws) -> None:
    def deny() -> None:
        raise refusal("AccessDeniedException", "DescribeServices")

    after_update(aws, nothing, deny, settles(aws))
    with pytest.raises(CanaryError, match=r"DescribeServices .* permission denied") as caught:
        promote(aws)
    assert_put_back(aws, caught.value)


def test_an_update_without_an_answer_puts_the_old_release_back(aws: FakeAws) -> None:
    """A 5xx says nothing about whether the deployment began."""

    def fail_late() -> None:
        aws._update_service("shop", "stable", taskDefinition=V2)
        aws.then("describe_services", settles(aws))
        raise refusal("ServerException", "UpdateService")

    aws.then("update_service", fail_late)
    with pytest.raises(CanaryError, match="ServerException") as caught:
        promote(aws)
    assert_put_back(aws, caught.value)


def test_where_putting_back_fails_too_it_says_what_is_left(aws: FakeAws) -> None:
    def deny() -> None:
        raise refusal("AccessDeniedException", "UpdateService")

    after_update(aws, nothing)
    aws.then("update_service", deny)
    with pytest.raises(CanaryError) as caught:
        promote(aws, wait_timeout=0)
    text = str(caught.value)
    assert f"Putting the old release {V1} back on service stable failed too: UpdateService" in text
    assert f"Service stable is left with task definition {V2}: 2 running and 0 pending of 2 desired" in text
    assert f"PRIMARY deployment ecs-svc/3 of task definition {V2}, IN_PROGRESS" in text
    assert caught.value.facts["put_back"] is False


def test_an_old_release_that_never_comes_back_is_said_too(aws: FakeAws) -> None:
    after_update(aws, lambda: aws.roll_back("stable"))
    with pytest.raises(CanaryError, match=r"failed too: The deployment ecs-svc/1 .* was not through after 60 s"):
        promote(aws, wait_timeout=60)


def test_a_deregistered_old_release_is_warned_of_and_ecs_may_bring_it_back(aws: FakeAws) -> None:
    """UpdateService refuses an INACTIVE task definition, which the circuit breaker still rolls back to."""

    def refuse() -> None:
        raise refusal("ClientException", "UpdateService", "TaskDefinition is inactive")

    aws.definitions[V1]["status"] = "INACTIVE"
    after_update(aws, lambda: aws.roll_back("stable"))
    aws.then("update_service", refuse)
    module = FakeModule(aws, validated({}))
    aws.then("list_tasks", lambda: aws.settle("stable"))
    with pytest.raises(CanaryError) as caught:
        promote_in(module)
    assert_put_back(aws, caught.value)
    assert "stable:1 is deregistered" in module.warnings[0]


# Taking the images.


@pytest.fixture
def sidecar(aws: FakeAws) -> FakeAws:
    """Stable's task definition has everything that must survive; the canary's differs in images and settings."""
    aws.definitions[V1].update(
        containerDefinitions=[
            {
                "name": "app",
                "image": "cart:v1",
                "dockerLabels": {"com.example.Team": "cart", "snake_key": "1"},
                "environment": [{"name": "MODE", "value": "stable"}],
                "secrets": [{"name": "TOKEN", "valueFrom": "arn:aws:ssm:eu-central-1:123456789012:parameter/t"}],
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-stream-prefix": "app"}},
            },
            {"name": "proxy", "image": "envoy@sha256:aaaa"},
        ],
        volumes=[{"name": "data", "host": {}}],
        requiresAttributes=[{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}],
        compatibilities=["EC2", "FARGATE"],
        registeredBy="arn:aws:iam::123456789012:role/ci",
        tags=[{"key": "Team", "value": "cart"}, {"key": "aws:cloudformation:stack-name", "value": "shop"}],
    )
    aws.definitions[V2]["containerDefinitions"] = [
        {"name": "proxy", "image": "envoy@sha256:bbbb"},
        {"name": "app", "image": "cart:v2", "environment": [{"name": "MODE", "value": "canary"}]},
    ]
    return aws


def test_image_mode_registers_stables_own_definition_with_the_canarys_images(sidecar: FakeAws) -> None:
    after_update(sidecar, settles(sidecar))
    result = promote(sidecar, take="image")
    (sent,) = sidecar.made("register_task_definition")
    before = sidecar.definitions[V1]
    app, proxy = before["containerDefinitions"]
    assert sent == {
        "family": "stable",
        "containerDefinitions": [{**app, "image": "cart:v2"}, {**proxy, "image": "envoy@sha256:bbbb"}],
        "volumes": before["volumes"],
        "tags": [{"key": "Team", "value": "cart"}],
    }
    assert result["task_definition"]["after"] == definition_arn("stable", 2)
    assert result["images"] == {"app": "cart:v2", "proxy": "envoy@sha256:bbbb"}
    assert "Registered stable:2." in result["log"]
    tags = {tag["key"]: tag["value"] for tag in sidecar.services["stable"]["tags"]}
    assert tags["canary.ecs:promoted-from"] == V2


def test_image_mode_uses_a_revision_that_is_just_that_again(sidecar: FakeAws) -> None:
    after_update(sidecar, lambda: sidecar.roll_back("stable"), settles(sidecar))
    with pytest.raises(CanaryError):
        promote(sidecar, take="image")
    after_update(sidecar, settles(sidecar))
    result = promote(sidecar, take="image")
    assert len(sidecar.made("register_task_definition")) == 1
    assert result["task_definition"]["after"] == definition_arn("stable", 2)


def test_image_mode_does_not_take_a_revision_of_another_family(sidecar: FakeAws) -> None:
    sidecar.add_definition("stable-api", 7, {"app": "cart:v2", "proxy": "envoy@sha256:bbbb"})
    after_update(sidecar, settles(sidecar))
    assert promote(sidecar, take="image")["task_definition"]["after"] == definition_arn("stable", 2)


def test_image_mode_with_the_same_images_is_no_change(sidecar: FakeAws) -> None:
    for container in sidecar.definitions[V2]["containerDefinitions"]:
        container["image"] = {"app": "cart:v1", "proxy": "envoy@sha256:aaaa"}[container["name"]]
    result = promote(sidecar, take="image")
    assert not result["changed"]
    assert sidecar.changes == []


def test_image_mode_refuses_containers_of_only_one_side_by_name(sidecar: FakeAws) -> None:
    sidecar.definitions[V2]["containerDefinitions"][0]["name"] = "agent"
    with pytest.raises(CanaryError, match="only stable has proxy; only canary has agent"):
        promote(sidecar, take="image")
    assert sidecar.changes == []


def test_check_mode_of_image_mode_says_a_revision_would_be_new(sidecar: FakeAws) -> None:
    result = promote(sidecar, take="image", check_mode=True)
    assert result["task_definition"] == {"before": V1, "after": None}
    assert result["diff"]["after"]["task_definition"] == "a new revision of stable"


def lost(aws: FakeAws, *, effect: bool) -> Callable[[], None]:
    """A RegisterTaskDefinition whose answer never comes, after it took effect or before."""

    def happens() -> None:
        if effect:
            aws._register_task_definition(**aws.made("register_task_definition")[-1])
        raise ConnectionClosedError(endpoint_url="https://ecs")

    return happens


@pytest.mark.parametrize(("effect", "sent"), [(True, 1), (False, 2)])
def test_a_lost_answer_leaves_one_new_revision(sidecar: FakeAws, effect: bool, sent: int) -> None:
    sidecar.then("register_task_definition", lost(sidecar, effect=effect))
    after_update(sidecar, lambda: sidecar.settle("stable"))
    result = promote(sidecar, take="image")
    assert result["task_definition"]["after"] == definition_arn("stable", 2)
    assert len(sidecar.made("register_task_definition")) == sent
    assert [each["revision"] for each in sidecar.definitions.values() if each["family"] == "stable"] == [1, 2]
