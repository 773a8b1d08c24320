# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudFormation stacks, on the template that the collection ships."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.control.world import Pair, World

TEMPLATE = Path(__file__).parents[3] / "roles" / "canary" / "files" / "canary-stack.template"
NAME = "canary-ecs"
PARAMETERS = {
    "SubnetIds": "",
    "StableImage": "r/app:v1",
    "CanaryImage": "r/app:v2",
    "HealthInterval": "5",
    "HealthTimeout": "2",
    "DeregistrationDelay": "5",
}
LEAVES_COUNTS = {"StableDesired": "", "CanaryDesired": ""}


class Stack(World):
    """A world with one stack of the shipped template."""

    def __init__(self) -> None:
        super().__init__()
        self.cloudformation = self.client("cloudformation")

    def create(self, **parameters: str) -> str:
        """Create the stack, let it come to rest, and return its status."""
        self.cloudformation.create_stack(**self._request(parameters))
        return self.rest()

    def update(self, **parameters: str) -> str:
        """Update it, let it come to rest, and return its status."""
        self.cloudformation.update_stack(**self._request(parameters))
        return self.rest()

    def stay(self, **parameters: str) -> str:
        """Update it so that a failure is not rolled back, let it come to rest, and return its status."""
        self.cloudformation.update_stack(**self._request(parameters), DisableRollback=True)
        return self.rest()

    def rest(self) -> str:
        """Let time pass until nothing is in progress."""
        for _turn in range(200):
            if not self.status().endswith("PROGRESS"):
                return self.status()
            self.run(1)
        raise AssertionError(self.status())

    def status(self) -> str:
        """The stack's status; GONE when it does not exist."""
        try:
            return str(self.cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"])
        except ClientError:
            return "GONE"

    def outputs(self) -> dict[str, str]:
        """The outputs by key."""
        found = self.cloudformation.describe_stacks(StackName=NAME)["Stacks"][0].get("Outputs", [])
        return {one["OutputKey"]: one["OutputValue"] for one in found}

    def weights(self) -> dict[str, int]:
        """The live weights by target group."""
        action = self.elb.describe_rules(RuleArns=[self.outputs()["RuleArn"]])["Rules"][0]["Actions"][0]
        return {one["TargetGroupArn"]: one["Weight"] for one in action["ForwardConfig"]["TargetGroups"]}

    def released(self, name: str) -> dict[str, Any]:
        """One of the stack's services."""
        return self.service(name, NAME)

    def _request(self, parameters: dict[str, str]) -> dict[str, Any]:
        merged = PARAMETERS | parameters
        return {
            "StackName": NAME,
            "TemplateBody": TEMPLATE.read_text(),
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in merged.items()],
            "Capabilities": ["CAPABILITY_IAM"],
        }


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A running cloud without a stack yet; a type that moto does not know would be a warning, and fail."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        world = Stack()
        yield world
        world.cloud.stop()


def test_a_stack_is_complete_when_its_services_run(stack: Stack) -> None:
    stack.cloudformation.create_stack(**stack._request({}))
    assert stack.status() == "CREATE_IN_PROGRESS"
    assert stack.outputs() == {}
    assert stack.rest() == "CREATE_COMPLETE"
    for name, count in (("app-stable", 2), ("app-canary", 1)):
        service = stack.released(name)
        assert (service["runningCount"], service["deployments"][0]["rolloutState"]) == (count, "COMPLETED")
        assert service["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
        assert service["healthCheckGracePeriodSeconds"] == 60
    outputs = stack.outputs()
    assert stack.weights() == {outputs["StableTargetGroupArn"]: 100, outputs["CanaryTargetGroupArn"]: 0}
    assert stack.states(outputs["CanaryTargetGroupArn"]) == ["healthy"]
    assert outputs["Url"].startswith("http://127.9.1.")


def test_the_load_balancer_waits_for_the_way_to_the_internet_and_names_its_table(stack: Stack) -> None:
    stack.create()
    made = stack.cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
    ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in made}
    assert ids["DefaultRoute"] == f"{ids['RouteTable']}|0.0.0.0/0"
    (described,) = stack.elb.describe_tags(ResourceArns=[stack.outputs()["LoadBalancerArn"]])["TagDescriptions"]
    assert described["Tags"] == [{"Key": "network", "Value": ids["RouteTable"]}]
    assert list(ids).index("DefaultRoute") < list(ids).index("LoadBalancer")


def test_settings_reach_the_target_groups_and_the_autoscaler(stack: Stack) -> None:
    stack.create(StableMax="7", UnhealthyThreshold="4", HealthGrace="300")
    for name in ("app-stable", "app-canary"):
        assert stack.released(name)["healthCheckGracePeriodSeconds"] == 300
    groups = stack.elb.describe_target_groups()["TargetGroups"]
    assert {(one["HealthCheckIntervalSeconds"], one["UnhealthyThresholdCount"]) for one in groups} == {(5, 4)}
    assert {one.deregistration_delay for one in stack.cloud.target_groups().values()} == {5}
    targets = stack.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
    bounds = {one["ResourceId"]: (one["MinCapacity"], one["MaxCapacity"]) for one in targets["ScalableTargets"]}
    assert bounds == {f"service/{NAME}/app-stable": (2, 7), f"service/{NAME}/app-canary": (1, 4)}
    policies = stack.client("application-autoscaling").describe_scaling_policies(ServiceNamespace="ecs")
    assert {one["PolicyType"] for one in policies["ScalingPolicies"]} == {"TargetTrackingScaling"}


def test_the_same_again_is_no_update(stack: Stack) -> None:
    stack.create()
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.update()
    assert stack.status() == "CREATE_COMPLETE"


def test_an_update_touches_nothing_that_it_does_not_name(stack: Stack) -> None:
    stack.create()
    outputs = stack.outputs()
    groups = {outputs["StableTargetGroupArn"]: 75, outputs["CanaryTargetGroupArn"]: 25}
    tuples = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in groups.items()]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}
    stack.elb.modify_rule(RuleArn=outputs["RuleArn"], Actions=[action])
    stack.ecs.update_service(cluster=NAME, service="app-canary", desiredCount=3)
    before = stack.released("app-stable")["deployments"][0]["id"]

    assert stack.update(CanaryImage="r/app:v3", **LEAVES_COUNTS) == "UPDATE_COMPLETE"
    assert stack.weights() == groups
    assert stack.released("app-canary")["runningCount"] == 3
    assert stack.tags_running() == ["v1", "v1", "v3", "v3", "v3"]
    assert stack.released("app-stable")["deployments"][0]["id"] == before


def test_a_release_that_the_stack_did_not_make_is_none_of_its_business(stack: Stack) -> None:
    stack.create()
    canary = stack.released("app-canary")["taskDefinition"]
    stack.ecs.update_service(cluster=NAME, service="app-stable", taskDefinition=canary)
    stack.run(20)
    assert stack.update(CanaryImage="r/app:v3", StableRelease=canary, **LEAVES_COUNTS) == "UPDATE_COMPLETE"
    assert stack.tags_running() == ["v2", "v2", "v3"]


def test_a_change_set_tells_and_changes_nothing(stack: Stack) -> None:
    stack.create()

    def planned(**parameters: str) -> tuple[str, set[tuple[str, str]]]:
        request = stack._request(parameters)
        made = stack.cloudformation.create_change_set(**request, ChangeSetName="plan")
        found = stack.cloudformation.describe_change_set(ChangeSetName=made["Id"])
        stack.cloudformation.delete_change_set(ChangeSetName=made["Id"])
        changes = [one["ResourceChange"] for one in found.get("Changes", [])]
        return found["Status"], {(one["Action"], one["LogicalResourceId"]) for one in changes}

    assert planned() == ("FAILED", set())
    given = stack.cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["Parameters"]
    previous = [{"ParameterKey": one["ParameterKey"], "UsePreviousValue": True} for one in given]
    same = stack._request({}) | {"Parameters": previous}
    made = stack.cloudformation.create_change_set(**same, ChangeSetName="same", ChangeSetType="UPDATE")
    found = stack.cloudformation.describe_change_set(ChangeSetName=made["Id"])
    assert (found["Status"], "didn't contain changes" in found["StatusReason"]) == ("FAILED", True)
    modified = {("Modify", "CanaryTask"), ("Modify", "CanaryService")}
    assert planned(CanaryImage="r/app:v3") == ("CREATE_COMPLETE", modified)
    stack.run(5)
    assert stack.tags_running() == ["v1", "v1", "v2"]
    with pytest.raises(ClientError, match="No updates"):
        stack.update()


def test_a_change_set_is_carried_out(stack: Stack) -> None:
    stack.create()
    made = stack.cloudformation.create_change_set(
        **stack._request({"CanaryImage": "r/app:v3"}), ChangeSetName="plan", ChangeSetType="UPDATE"
    )
    stack.cloudformation.execute_change_set(ChangeSetName=made["Id"])
    assert stack.rest() == "UPDATE_COMPLETE"
    assert stack.tags_running() == ["v1", "v1", "v3"]


def test_a_change_set_creates_a_stack_as_the_aws_cli_does_it(stack: Stack) -> None:
    made = stack.cloudformation.create_change_set(**stack._request({}), ChangeSetName="first", ChangeSetType="CREATE")
    assert stack.status() == "REVIEW_IN_PROGRESS"
    found = stack.cloudformation.describe_change_set(ChangeSetName=made["Id"])
    assert found["Status"] == "CREATE_COMPLETE"
    assert {one["ResourceChange"]["Action"] for one in found["Changes"]} == {"Add"}
    stack.cloudformation.execute_change_set(ChangeSetName=made["Id"])
    assert stack.rest() == "CREATE_COMPLETE"
    assert stack.tags_running() == ["v1", "v1", "v2"]
    described = stack.cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]
    given = {one["ParameterKey"]: one["ParameterValue"] for one in described["Parameters"]}
    assert given["StableImage"] == "r/app:v1"
    assert "canary.ecs" in described["Description"]


@pytest.mark.parametrize(("parameter", "value"), [("NoSuch", "1"), ("HealthInterval", "1")])
def test_a_change_set_with_a_wrong_parameter_is_refused(stack: Stack, parameter: str, value: str) -> None:
    request = stack._request({parameter: value})
    with pytest.raises(ClientError, match=parameter):
        stack.cloudformation.create_change_set(**request, ChangeSetName="first", ChangeSetType="CREATE")
    assert stack.status() == "GONE"


def test_a_condition_that_changes_is_an_update_of_what_it_decides(stack: Stack) -> None:
    stack.create()
    live = stack.released("app-stable")["taskDefinition"]
    assert stack.update(StableRelease=stack.released("app-canary")["taskDefinition"]) == "UPDATE_COMPLETE"
    assert stack.released("app-stable")["taskDefinition"] != live
    assert stack.tags_running() == ["v2", "v2", "v2"]


def test_a_listener_port_changes_in_place(stack: Stack) -> None:
    stack.create()
    outputs, deployment = stack.outputs(), stack.released("app-stable")["deployments"][0]["id"]
    assert stack.update(ListenerPort="8081") == "UPDATE_COMPLETE"
    assert stack.cloud.load_balancers()[0].listeners[0].port == 8081
    assert stack.outputs()["RuleArn"] == outputs["RuleArn"]
    assert stack.outputs()["Url"].endswith(":8081")
    assert stack.released("app-stable")["deployments"][0]["id"] == deployment


def test_a_listener_may_split_by_default(pair: Pair) -> None:
    """As templates do that hold the weights themselves: each update of the stack sets them."""
    cloudformation, name = pair.client("cloudformation"), "weights"

    def template(stable: int, canary: int) -> str:
        listener = {
            "LoadBalancerArn": pair.balancer["LoadBalancerArn"],
            "Protocol": "HTTP",
            "Port": 8090,
            "DefaultActions": [pair.forward(stable, canary)],
        }
        resource = {"Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": listener}
        return json.dumps({"Resources": {"Listener": resource}})

    def live() -> dict[str, int]:
        pair.run(2)
        listener = cloudformation.describe_stack_resources(StackName=name)["StackResources"][0]["PhysicalResourceId"]
        (rule,) = pair.elb.describe_rules(ListenerArn=listener)["Rules"]
        return {one["TargetGroupArn"]: one["Weight"] for one in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]}

    cloudformation.create_stack(StackName=name, TemplateBody=template(95, 5))
    assert live() == {pair.stable: 95, pair.canary: 5}
    cloudformation.update_stack(StackName=name, TemplateBody=template(75, 25))
    assert live() == {pair.stable: 75, pair.canary: 25}


def test_an_update_that_ecs_rolls_back_is_rolled_back(stack: Stack) -> None:
    stack.create()
    before = stack.outputs()["CanaryTaskDefinition"]
    assert stack.update(CanaryImage="r/app:v3-crash") == "UPDATE_ROLLBACK_COMPLETE"
    stack.run(15)
    assert stack.released("app-canary")["taskDefinition"] == before
    assert stack.tags_running() == ["v1", "v1", "v2"]
    events = stack.cloudformation.describe_stack_events(StackName=NAME)["StackEvents"]
    failed = [one for one in events if one["ResourceStatus"] == "UPDATE_FAILED"]
    assert [one["LogicalResourceId"] for one in failed] == ["CanaryService"]
    assert "Circuit Breaker" in failed[0]["ResourceStatusReason"]
    assert stack.update(CanaryImage="r/app:v3") == "UPDATE_COMPLETE"


def test_an_update_without_rollback_stays_where_it_failed(stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html"""
    stack.create()
    assert stack.stay(HealthPath="/ready", CanaryImage="r/app:v3-crash") == "UPDATE_FAILED"
    groups = stack.elb.describe_target_groups()["TargetGroups"]
    assert {group["HealthCheckPath"] for group in groups} == {"/ready"}, "what succeeded is kept"
    assert stack.outputs()["RuleArn"]
    with pytest.raises(ClientError, match=r"non-terminal \[UPDATE_FAILED\] state.*disable-rollback"):
        stack.update(HealthPath="/ready", CanaryImage="r/app:v3")
    assert stack.status() == "UPDATE_FAILED"
    assert stack.stay(HealthPath="/ready", CanaryImage="r/app:v3-crash") == "UPDATE_FAILED", "the same may be repeated"
    assert stack.stay(HealthPath="/ready", CanaryImage="r/app:v3") == "UPDATE_COMPLETE"
    assert stack.update(CanaryImage="r/app:v3") == "UPDATE_COMPLETE"
    assert stack.tags_running() == ["v1", "v1", "v3"]


def test_an_update_of_a_service_waits_until_it_is_steady(stack: Stack) -> None:
    """Whatever is changed of it, and whoever made it unsteady."""
    stack.create()

    class Everyone(set[str]):
        def __contains__(self, _address: object) -> bool:
            return True

    stack.ill = Everyone()
    stack.run(20)
    stack.cloudformation.update_stack(**stack._request({"CanaryDesired": ""}))
    stack.run(30)
    assert stack.status() == "UPDATE_IN_PROGRESS"
    stack.ill = set()
    assert stack.rest() == "UPDATE_COMPLETE"


def test_a_stack_whose_service_fails_is_taken_down(stack: Stack) -> None:
    assert stack.create(CanaryImage="r/app:v2-crash") == "ROLLBACK_COMPLETE"
    assert stack.elb.describe_target_groups()["TargetGroups"] == []
    assert stack.tags_running() == []


def test_the_events_tell_the_beginning_and_the_end_of_each_resource(stack: Stack) -> None:
    stack_id = stack.cloudformation.create_stack(**stack._request({}))["StackId"]

    def told(resource: str) -> list[str]:
        """What the events say of one resource, the oldest first."""
        events = stack.cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
        return [one["ResourceStatus"] for one in reversed(events) if one["LogicalResourceId"] == resource]

    assert told("CanaryTargetGroup") == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    assert told("CanaryService") == ["CREATE_IN_PROGRESS"]
    stack.rest()
    assert told("CanaryService") == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    stack.update(CanaryImage="r/app:v3", **LEAVES_COUNTS)
    assert told("CanaryService")[2:] == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    assert told("CanaryTargetGroup")[2:] == []
    stack.cloudformation.delete_stack(StackName=NAME)
    # Its scalable target goes first.
    stack.run(1)
    assert told("CanaryService")[4:] == ["DELETE_IN_PROGRESS"]
    stack.rest()
    assert told("CanaryService")[4:] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]


def test_destroying_leaves_nothing(stack: Stack) -> None:
    stack.create()
    stack.cloudformation.delete_stack(StackName=NAME)
    assert stack.status() == "DELETE_IN_PROGRESS"
    assert stack.rest() == "GONE"
    assert stack.tags_running() == []
    assert stack.cloud.load_balancers() == []
    assert stack.cloud.target_groups() == {}
    assert stack.ecs.list_clusters()["clusterArns"] == []
    assert stack.ecs.list_task_definitions()["taskDefinitionArns"] == []
    assert stack.client("logs").describe_log_groups()["logGroups"] == []
    assert stack.client("iam").list_roles()["Roles"] == []
    ec2 = stack.client("ec2")
    assert [one["IsDefault"] for one in ec2.describe_vpcs()["Vpcs"]] == [True]
    assert ec2.describe_internet_gateways()["InternetGateways"] == []
    targets = stack.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
    assert targets["ScalableTargets"] == []


def test_a_stack_can_be_made_again_under_its_name(stack: Stack) -> None:
    stack.create()
    stack.cloudformation.delete_stack(StackName=NAME)
    stack.rest()
    assert stack.create() == "CREATE_COMPLETE"
    assert stack.tags_running() == ["v1", "v1", "v2"]


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        ({"HealthInterval": "1"}, "not less than 5"),
        ({"AssignPublicIp": "MAYBE"}, "AllowedValues"),
        ({"StableImage": ""}, "at least 1 characters"),
        ({"StableDesired": "two"}, "must match pattern"),
        ({"Colour": "red"}, "do not exist in the template"),
    ],
)
def test_a_parameter_out_of_bounds_makes_nothing(stack: Stack, parameter: dict[str, str], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        stack.create(**parameter)
    assert stack.status() == "GONE"
