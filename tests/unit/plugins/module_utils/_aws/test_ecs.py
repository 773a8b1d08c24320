# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry, RetryingBotoClientWrapper
from ansible_collections.canary.ecs.plugins.module_utils._aws import autoscaling, ecs
from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import AwsError
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from botocore.stub import Stubber

ARN = "arn:aws-cn:ecs:cn-north-1:123456789012:service/shop/cart"
OLD_ARN = "arn:aws-cn:ecs:cn-north-1:123456789012:service/cart"
CLUSTER = "arn:aws-cn:ecs:cn-north-1:123456789012:cluster/shop"
SERVICE = {"serviceArn": ARN, "serviceName": "cart", "clusterArn": CLUSTER, "status": "ACTIVE", "desiredCount": 2}
TARGET = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/shop/cart",
    "ScalableDimension": "ecs:service:DesiredCount",
    "MinCapacity": 2,
    "MaxCapacity": 4,
    "RoleARN": "arn:aws-cn:iam::123456789012:role/r",
    "CreationTime": 0,
}


class Stub:
    """A client as the modules have it, whose answers are laid out, and checked against botocore's model."""

    def __init__(self, service: str) -> None:
        raw = boto3.client(service, region_name="cn-north-1", aws_access_key_id="a", aws_secret_access_key="b")
        self.stubber = Stubber(raw)
        self.client = RetryingBotoClientWrapper(raw, AWSRetry.jittered_backoff(retries=1))

    def answers(self, operation: str, answer: dict[str, Any], **expected: Any) -> None:
        self.stubber.add_response(operation, answer, expected)


@pytest.fixture
def stub(request: pytest.FixtureRequest) -> Iterator[Stub]:
    stub = Stub(getattr(request, "param", "ecs"))
    with stub.stubber:
        yield stub
        stub.stubber.assert_no_pending_responses()


scaling = pytest.mark.parametrize("stub", ["application-autoscaling"], indirect=True)


@pytest.mark.parametrize(
    ("asked", "arn"), [("cart", ARN), (ARN, ARN), (OLD_ARN, OLD_ARN), (ARN, OLD_ARN), (OLD_ARN, ARN)]
)
def test_a_service_is_found_by_its_whole_name_or_either_form_of_its_arn(stub: Stub, asked: str, arn: str) -> None:
    other = {**SERVICE, "serviceName": "my-cart", "serviceArn": ARN + "-x"}
    answer = {"services": [other, {**SERVICE, "serviceArn": arn}]}
    stub.answers("describe_services", answer, cluster="shop", services=[asked])
    assert ecs.describe_services(stub.client, "shop", [asked])[0]["serviceName"] == "cart"


@pytest.mark.parametrize(
    "asked", ["car", "shop/cart", ARN.replace("/shop/", "/web/"), ARN.replace("123456789012", "210987654321")]
)
def test_a_service_is_not_found_by_what_only_resembles_it(stub: Stub, asked: str) -> None:
    stub.answers("describe_services", {"services": [SERVICE]}, cluster="shop", services=[asked])
    with pytest.raises(CanaryError, match="does not exist"):
        ecs.describe_services(stub.client, "shop", [asked])


def test_services_come_in_the_order_asked_for(stub: Stub) -> None:
    other = {**SERVICE, "serviceName": "web", "serviceArn": "arn:web"}
    stub.answers("describe_services", {"services": [other, SERVICE]}, cluster="shop", services=["cart", "web"])
    found = ecs.describe_services(stub.client, "shop", ["cart", "web"])
    assert [each["serviceName"] for each in found] == ["cart", "web"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"services": [], "failures": [{"arn": ARN, "reason": "MISSING"}]}, "cart does not exist in cluster shop"),
        ({"services": [{**SERVICE, "status": "INACTIVE"}]}, "cart in cluster shop is INACTIVE"),
        ({"services": [{**SERVICE, "serviceName": "cart-2", "serviceArn": "arn:2"}]}, "cart does not exist"),
    ],
)
def test_a_service_that_is_not_there_is_an_error(stub: Stub, answer: dict[str, Any], says: str) -> None:
    stub.answers("describe_services", answer, cluster="shop", services=["cart"])
    with pytest.raises(CanaryError, match=says):
        ecs.describe_services(stub.client, "shop", ["cart"])


def test_a_cluster_that_is_not_there_is_an_error_that_names_it(stub: Stub) -> None:
    stub.stubber.add_client_error("describe_services", "ClusterNotFoundException", "Cluster not found.")
    with pytest.raises(AwsError, match=r"in cluster shop failed: ClusterNotFoundException"):
        ecs.describe_services(stub.client, "shop", ["cart"])


def test_a_task_definition_is_described_with_its_tags_only_where_asked(stub: Stub) -> None:
    answer = {"taskDefinition": {"family": "cart", "revision": 3}}
    tags = [{"key": "Team", "value": "cart"}]
    stub.answers("describe_task_definition", answer, taskDefinition="cart:3")
    stub.answers("describe_task_definition", {**answer, "tags": tags}, taskDefinition="cart:3", include=["TAGS"])
    assert ecs.describe_task_definition(stub.client, "cart:3") == answer["taskDefinition"]
    assert ecs.describe_task_definition(stub.client, "cart:3", tags=True)["tags"] == tags


def test_updating_a_service_names_it_by_its_own_cluster(stub: Stub) -> None:
    stub.answers("update_service", {"service": SERVICE}, cluster=CLUSTER, service="cart", desiredCount=3)
    assert ecs.update_service(stub.client, SERVICE, desiredCount=3) == SERVICE


def test_the_latest_revisions_are_those_of_the_family_itself(stub: Stub) -> None:
    arns = [f"arn:aws-cn:ecs:cn-north-1:123456789012:task-definition/{name}" for name in ("cart:9", "cart-api:8")]
    asked = {"familyPrefix": "cart", "status": "ACTIVE", "sort": "DESC", "maxResults": 5}
    stub.answers("list_task_definitions", {"taskDefinitionArns": arns}, **asked)
    assert ecs.latest_revisions(stub.client, "cart", most=5) == arns[:1]


def test_registering_gives_the_new_arn(stub: Stub) -> None:
    definition = {"family": "cart", "containerDefinitions": [{"name": "app", "image": "cart:v2"}]}
    stub.answers("register_task_definition", {"taskDefinition": {"taskDefinitionArn": "arn:cart:4"}}, **definition)
    assert ecs.register_task_definition(stub.client, definition) == "arn:cart:4"


def test_stopped_tasks_are_listed_and_described(stub: Stub) -> None:
    task = {"taskArn": "arn:task/1", "stoppedReason": "out of memory"}
    asked = {"cluster": CLUSTER, "serviceName": "cart", "desiredStatus": "STOPPED"}
    stub.answers("list_tasks", {"taskArns": ["arn:task/1"]}, **asked)
    stub.answers("describe_tasks", {"tasks": [task]}, cluster=CLUSTER, tasks=["arn:task/1"])
    assert ecs.stopped_tasks(stub.client, SERVICE) == [task]


def test_without_stopped_tasks_nothing_is_described(stub: Stub) -> None:
    stub.answers("list_tasks", {"taskArns": []}, cluster=CLUSTER, serviceName="cart", desiredStatus="STOPPED")
    assert ecs.stopped_tasks(stub.client, SERVICE) == []


@scaling
def test_scalable_targets_of_all_pages_by_resource(stub: Stub) -> None:
    asked = {
        "ServiceNamespace": "ecs",
        "ResourceIds": ["service/shop/cart", "service/shop/web", "service/shop/none"],
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    web = {**TARGET, "ResourceId": "service/shop/web"}
    stub.answers("describe_scalable_targets", {"ScalableTargets": [TARGET], "NextToken": "more"}, **asked)
    stub.answers("describe_scalable_targets", {"ScalableTargets": [web]}, **asked, NextToken="more")
    found = autoscaling.scalable_targets(stub.client, asked["ResourceIds"])
    assert {resource: target["MinCapacity"] for resource, target in found.items()} == {
        "service/shop/cart": 2,
        "service/shop/web": 2,
    }


@scaling
@pytest.mark.parametrize(
    ("bounds", "sent"),
    [
        ({"minimum": 0, "maximum": None}, {"MinCapacity": 0}),
        ({"minimum": None, "maximum": 5}, {"MaxCapacity": 5}),
        ({"minimum": 1, "maximum": 5}, {"MinCapacity": 1, "MaxCapacity": 5}),
    ],
)
def test_only_the_bounds_given_are_sent(stub: Stub, bounds: dict[str, int | None], sent: dict[str, int]) -> None:
    names = {"ServiceNamespace": "ecs", "ResourceId": "service/shop/cart"}
    stub.answers(
        "register_scalable_target",
        {"ScalableTargetARN": "arn"},
        **names,
        ScalableDimension="ecs:service:DesiredCount",
        **sent,
    )
    autoscaling.register_scalable_target(stub.client, "service/shop/cart", **bounds)


def test_the_resource_id_is_of_the_cluster_whatever_the_form_of_the_service_arn() -> None:
    assert autoscaling.resource_id({**SERVICE, "serviceArn": OLD_ARN}) == "service/shop/cart"


def test_a_service_is_tagged_and_untagged_by_its_arn(stub: Stub) -> None:
    stub.answers("describe_services", {"services": [SERVICE]}, cluster="shop", services=["cart"], include=["TAGS"])
    stub.answers("tag_resource", {}, resourceArn=ARN, tags=[{"key": "canary.ecs:min", "value": "2/8"}])
    stub.answers("untag_resource", {}, resourceArn=ARN, tagKeys=["canary.ecs:min"])
    (service,) = ecs.describe_services(stub.client, "shop", ["cart"], tags=True)
    ecs.tag_service(stub.client, service, {"canary.ecs:min": "2/8"})
    ecs.untag_service(stub.client, service, "canary.ecs:min")
