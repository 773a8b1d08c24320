# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load balancing API, as AWS answers it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.control.world import Pair


def refused(call: Any, **given: Any) -> str:
    """The error code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    return str(caught.value.response["Error"]["Code"])


def default_rule(pair: Pair) -> str:
    rules = pair.elb.describe_rules(ListenerArn=pair.listener)["Rules"]
    return str(next(rule["RuleArn"] for rule in rules if rule["IsDefault"]))


def test_a_default_rule_takes_modify_listener_alone(pair: Pair) -> None:
    assert (
        refused(pair.elb.modify_rule, RuleArn=default_rule(pair), Actions=[pair.forward(1, 1)])
        == "OperationNotPermitted"
    )
    assert refused(pair.elb.delete_rule, RuleArn=default_rule(pair)) == "OperationNotPermitted"
    priorities = [{"RuleArn": default_rule(pair), "Priority": 5}]
    assert refused(pair.elb.set_rule_priorities, RulePriorities=priorities) == "OperationNotPermitted"
    pair.elb.modify_listener(ListenerArn=pair.listener, DefaultActions=[pair.forward(3, 1)])
    rule = pair.elb.describe_rules(RuleArns=[default_rule(pair)])["Rules"][0]
    assert {group["Weight"] for group in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]} == {3, 1}


@pytest.mark.parametrize("weight", [-1, 1000])
@pytest.mark.parametrize("operation", ["rule", "listener"])
def test_weights_are_0_to_999(pair: Pair, weight: int, operation: str) -> None:
    action = pair.forward(weight, 1)
    if operation == "rule":
        code = refused(pair.elb.modify_rule, RuleArn=pair.rule, Actions=[action])
    else:
        code = refused(pair.elb.modify_listener, ListenerArn=pair.listener, DefaultActions=[action])
    assert code == "ValidationError"
    kept = pair.elb.describe_rules(RuleArns=[pair.rule])["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"]
    assert {group["Weight"] for group in kept} == {100, 0}


def test_a_target_group_has_one_load_balancer(pair: Pair) -> None:
    taken = pair.forward(100, 0)
    described = pair.elb.describe_load_balancers()["LoadBalancers"][0]
    subnets = [zone["SubnetId"] for zone in described["AvailabilityZones"]]
    other = pair.elb.create_load_balancer(Name="inner", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    given = {"LoadBalancerArn": other, "Protocol": "HTTP", "Port": 80}
    assert refused(pair.elb.create_listener, **given, DefaultActions=[taken]) == "TargetGroupAssociationLimit"
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = pair.elb.create_listener(**given, DefaultActions=[fixed])["Listeners"][0]["ListenerArn"]
    rule = {"ListenerArn": listener, "Priority": 1, "Conditions": [{"Field": "path-pattern", "Values": ["/a"]}]}
    assert refused(pair.elb.create_rule, **rule, Actions=[taken]) == "TargetGroupAssociationLimit"
    made = pair.elb.create_rule(**rule, Actions=[fixed])["Rules"][0]["RuleArn"]
    assert refused(pair.elb.modify_rule, RuleArn=made, Actions=[taken]) == "TargetGroupAssociationLimit"
    modify = {"ListenerArn": listener, "DefaultActions": [taken]}
    assert refused(pair.elb.modify_listener, **modify) == "TargetGroupAssociationLimit"
    pair.elb.modify_listener(ListenerArn=pair.listener, DefaultActions=[taken])


def test_a_forward_action_takes_five_groups(pair: Pair) -> None:
    groups = [{"TargetGroupArn": pair.group(f"g{number}", pair.vpc), "Weight": 1} for number in range(6)]
    five = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups[:5]}}
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[five])
    six = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    assert refused(pair.elb.modify_rule, RuleArn=pair.rule, Actions=[six]) == "ValidationError"


def test_group_stickiness_wants_rule_stickiness(pair: Pair) -> None:
    on = [{"Key": "stickiness.enabled", "Value": "true"}]
    behind = refused(pair.elb.modify_target_group_attributes, TargetGroupArn=pair.canary, Attributes=on)
    assert behind == "InvalidConfigurationRequest"
    sticky = pair.forward(9, 1, TargetGroupStickinessConfig={"Enabled": True, "DurationSeconds": 60})
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[sticky])
    pair.elb.modify_target_group_attributes(TargetGroupArn=pair.canary, Attributes=on)
    off = pair.forward(9, 1)
    assert refused(pair.elb.modify_rule, RuleArn=pair.rule, Actions=[off]) == "InvalidLoadBalancerAction"


def test_a_single_group_is_described_in_both_forms(pair: Pair) -> None:
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[{"Type": "forward", "TargetGroupArn": pair.stable}])
    action = pair.elb.describe_rules(RuleArns=[pair.rule])["Rules"][0]["Actions"][0]
    assert action["TargetGroupArn"] == pair.stable
    assert action["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": pair.stable, "Weight": 1}]


def test_two_groups_are_described_in_one_form(pair: Pair) -> None:
    action = pair.elb.describe_rules(RuleArns=[pair.rule])["Rules"][0]["Actions"][0]
    assert "TargetGroupArn" not in action


def oidc(**more: Any) -> dict[str, Any]:
    config = {
        "Issuer": "https://id.example",
        "AuthorizationEndpoint": "https://id.example/a",
        "TokenEndpoint": "https://id.example/t",
        "UserInfoEndpoint": "https://id.example/u",
        "ClientId": "client",
        **more,
    }
    return {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": config}


def test_a_client_secret_is_kept_but_never_shown(pair: Pair) -> None:
    forward = {**pair.forward(9, 1), "Order": 2}
    assert refused(pair.elb.modify_rule, RuleArn=pair.rule, Actions=[oidc(), forward]) == "InvalidLoadBalancerAction"
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[oidc(ClientSecret="hush"), forward])
    actions = pair.elb.describe_rules(RuleArns=[pair.rule])["Rules"][0]["Actions"]
    assert "hush" not in str(actions)
    assert refused(pair.elb.modify_rule, RuleArn=pair.rule, Actions=actions) == "InvalidLoadBalancerAction"
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[oidc(UseExistingClientSecret=True), forward])


def test_a_load_balancer_is_where_its_name_says(pair: Pair) -> None:
    assert pair.balancer["DNSName"].startswith("127.")
    assert [one.address for one in pair.cloud.load_balancers()] == [pair.balancer["DNSName"]]


def test_rules_come_in_the_order_of_evaluation(pair: Pair) -> None:
    for priority in (30, 20):
        pair.elb.create_rule(
            ListenerArn=pair.listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [f"/{priority}"]}],
            Actions=[pair.forward(1, 0)],
        )
    rules = pair.cloud.load_balancers()[0].listeners[0].rules
    assert [rule.priority for rule in rules] == [10, 20, 30, None]


def test_a_group_knows_the_balancers_that_use_it_now(pair: Pair) -> None:
    def users() -> list[str]:
        arns: list[str] = pair.elb.describe_target_groups(TargetGroupArns=[pair.canary])["TargetGroups"][0][
            "LoadBalancerArns"
        ]
        return arns

    assert users() == [pair.balancer["LoadBalancerArn"]]
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[{"Type": "forward", "TargetGroupArn": pair.stable}])
    assert users() == []


def test_a_port_takes_one_listener(pair: Pair) -> None:
    given = {"LoadBalancerArn": pair.balancer["LoadBalancerArn"], "Protocol": "HTTP", "Port": 80}
    assert refused(pair.elb.create_listener, **given, DefaultActions=[pair.forward(1, 1)]) == "DuplicateListener"
    other = pair.elb.create_listener(**{**given, "Port": 8099}, DefaultActions=[pair.forward(1, 1)])["Listeners"][0]
    assert (
        refused(pair.elb.modify_listener, ListenerArn=other["ListenerArn"], Port=given["Port"]) == "DuplicateListener"
    )
    pair.elb.modify_listener(ListenerArn=other["ListenerArn"], Port=8099)
    pair.elb.modify_listener(ListenerArn=other["ListenerArn"], Port=8098)


def test_descriptions_come_in_pages(pair: Pair) -> None:
    pages = pair.elb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 1})
    assert [len(page["TargetGroups"]) for page in pages] == [1, 1]
    assert refused(pair.elb.describe_rules, RuleArns=[pair.rule] * 21) == "ValidationError"


def test_a_tag_value_has_letters_digits_and_few_other_characters(pair: Pair) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Tag.html"""

    def tags(value: str) -> list[dict[str, str]]:
        return [{"Key": "network", "Value": value}]

    arn = pair.balancer["LoadBalancerArn"]
    for value in ("rtb-1|0.0.0.0/0", "a~b", "a,b"):
        assert refused(pair.elb.add_tags, ResourceArns=[arn], Tags=tags(value)) == "ValidationError"
        new = {"Name": "new", "Subnets": pair.subnet_ids, "Tags": tags(value)}
        assert refused(pair.elb.create_load_balancer, **new) == "ValidationError"
    assert len(pair.elb.describe_load_balancers()["LoadBalancers"]) == 1
    pair.elb.add_tags(ResourceArns=[arn], Tags=tags("Ünï code_1.2:3/4=5+6-7@8"))
