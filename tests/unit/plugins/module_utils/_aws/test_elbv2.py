# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wrappers, on botocore's Stubber: what is sent, page by page, and what comes of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry, RetryingBotoClientWrapper
from ansible_collections.canary.ecs.plugins.module_utils._aws import elbv2
from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import AwsError
from ansible_collections.canary.ecs.plugins.module_utils._canary.rules import Rule
from botocore.stub import Stubber

BASE = "arn:aws:elasticloadbalancing:eu-west-1:123456789012"
LISTENER = f"{BASE}:listener/app/shop/1/2"
GROUP = f"{BASE}:targetgroup/cart/1"
ACTIONS = ({"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": GROUP, "Weight": 1}]}},)


def rule_arn(number: int) -> str:
    return f"{BASE}:listener-rule/app/shop/1/2/{number}"


def described(number: int, priority: str) -> dict[str, Any]:
    return {"RuleArn": rule_arn(number), "Priority": priority, "IsDefault": priority == "default", "Actions": []}


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.client("elbv2", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def client(stub: Stubber) -> Any:
    return RetryingBotoClientWrapper(stub.client, AWSRetry.jittered_backoff(retries=1))


def test_all_pages_of_a_listeners_rules(stub: Stubber, client: Any) -> None:
    first = {"Rules": [described(1, "10")], "NextMarker": "more"}
    stub.add_response("describe_rules", first, {"ListenerArn": LISTENER})
    stub.add_response(
        "describe_rules", {"Rules": [described(2, "default")]}, {"ListenerArn": LISTENER, "Marker": "more"}
    )
    assert elbv2.rules_of_listener(client, LISTENER) == [
        Rule(rule_arn(1), LISTENER, 10, ()),
        Rule(rule_arn(2), LISTENER, None, ()),
    ]


def test_rules_by_arn_go_twenty_at_a_time(stub: Stubber, client: Any) -> None:
    arns = [rule_arn(number) for number in range(25)]
    for some in (arns[:20], arns[20:]):
        rules = [described(int(arn.rpartition("/")[2]), "1") for arn in some]
        stub.add_response("describe_rules", {"Rules": rules}, {"RuleArns": some})
    assert [rule.arn for rule in elbv2.rules_by_arn(client, arns)] == arns


def test_no_rules_are_no_call(client: Any) -> None:
    assert elbv2.rules_by_arn(client, []) == []


def test_a_rule_is_modified_by_its_arn(stub: Stubber, client: Any) -> None:
    stub.add_response("modify_rule", {}, {"RuleArn": rule_arn(1), "Actions": list(ACTIONS)})
    elbv2.set_actions(client, Rule(rule_arn(1), LISTENER, 10, ()), ACTIONS)


def test_a_default_rule_is_modified_through_its_listener(stub: Stubber, client: Any) -> None:
    stub.add_response("modify_listener", {}, {"ListenerArn": LISTENER, "DefaultActions": list(ACTIONS)})
    elbv2.set_actions(client, Rule(rule_arn(1), LISTENER, None, ()), ACTIONS)


def test_a_refused_write_names_the_rule_and_aws_reason(stub: Stubber, client: Any) -> None:
    stub.add_client_error("modify_rule", "InvalidLoadBalancerAction", "sticky")
    with pytest.raises(AwsError, match=f"ModifyRule on rule {rule_arn(1)} failed: InvalidLoadBalancerAction: sticky"):
        elbv2.set_actions(client, Rule(rule_arn(1), LISTENER, 10, ()), ACTIONS)


def test_target_groups_by_name_and_by_arn_are_two_calls(stub: Stubber, client: Any) -> None:
    by_arn, by_name = {"TargetGroupArn": GROUP}, {"TargetGroupName": "cart-canary"}
    stub.add_response("describe_target_groups", {"TargetGroups": [by_arn]}, {"TargetGroupArns": [GROUP]})
    stub.add_response("describe_target_groups", {"TargetGroups": [by_name]}, {"Names": ["cart-canary"]})
    assert elbv2.describe_target_groups(client, arns=[GROUP], names=["cart-canary"]) == [by_arn, by_name]


def test_the_states_of_targets(stub: Stubber, client: Any) -> None:
    states = ["healthy", "draining"]
    targets = [{"Id": "10.0.0.1", "Port": port} for port in (8001, 8002)]
    described = [
        {"Target": target, "TargetHealth": {"State": state}} for target, state in zip(targets, states, strict=True)
    ]
    for _call in range(2):
        stub.add_response("describe_target_health", {"TargetHealthDescriptions": described}, {"TargetGroupArn": GROUP})
    assert elbv2.target_states(client, GROUP) == states
    by_target = {("10.0.0.1", 8001): "healthy", ("10.0.0.1", 8002): "draining"}
    assert elbv2.states_by_target(client, GROUP) == by_target


def test_attributes_by_key(stub: Stubber, client: Any) -> None:
    answer = {"Attributes": [{"Key": "stickiness.enabled", "Value": "true"}]}
    stub.add_response("describe_target_group_attributes", answer, {"TargetGroupArn": GROUP})
    assert elbv2.describe_target_group_attributes(client, GROUP) == {"stickiness.enabled": "true"}


def test_listeners_of_a_load_balancer_and_by_arn(stub: Stubber, client: Any) -> None:
    balancer, listener = f"{BASE}:loadbalancer/app/shop/1", {"ListenerArn": LISTENER}
    stub.add_response("describe_listeners", {"Listeners": [listener], "NextMarker": "m"}, {"LoadBalancerArn": balancer})
    stub.add_response("describe_listeners", {"Listeners": []}, {"LoadBalancerArn": balancer, "Marker": "m"})
    stub.add_response("describe_listeners", {"Listeners": [listener]}, {"ListenerArns": [LISTENER]})
    assert elbv2.describe_listeners(client, balancer) == elbv2.listeners_by_arn(client, [LISTENER]) == [listener]
