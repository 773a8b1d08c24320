# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elastic Load Balancing v2 (the Application Load Balancer), operation by operation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import call, pages
from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import listener_of_rule
from ansible_collections.canary.ecs.plugins.module_utils._canary.rules import Rule

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeRules.html
RULES_PER_CALL = 20


def describe_target_groups(client: Any, *, arns: Iterable[str] = (), names: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The target groups by ARN and by exact name, as AWS describes them; one that does not exist is an `AwsError`.

    AWS takes either names or ARNs in one call, so a mixture takes two.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html
    """
    found: list[dict[str, Any]] = []
    for parameter, wanted in (("TargetGroupArns", list(arns)), ("Names", list(names))):
        if wanted:
            on = f"target group {', '.join(wanted)}"
            found += pages(client, "describe_target_groups", "TargetGroups", on=on, **{parameter: wanted})
    return found


def describe_target_group_attributes(client: Any, target_group: str) -> dict[str, str]:
    """The attributes of a target group (``stickiness.enabled``, ``deregistration_delay.timeout_seconds``...).

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
    """
    on = f"target group {target_group}"
    answer = call(client, "describe_target_group_attributes", on=on, TargetGroupArn=target_group)
    return {attribute["Key"]: attribute.get("Value", "") for attribute in answer.get("Attributes", [])}


def describe_load_balancers(client: Any, arns: list[str]) -> list[dict[str, Any]]:
    """The load balancers, as AWS describes them."""
    on = f"load balancer {', '.join(arns)}"
    return list(pages(client, "describe_load_balancers", "LoadBalancers", on=on, LoadBalancerArns=arns))


def describe_listeners(client: Any, load_balancer: str) -> list[dict[str, Any]]:
    """Every listener of a load balancer, as AWS describes it."""
    on = f"load balancer {load_balancer}"
    return list(pages(client, "describe_listeners", "Listeners", on=on, LoadBalancerArn=load_balancer))


def listeners_by_arn(client: Any, arns: list[str]) -> list[dict[str, Any]]:
    """The listeners with these ARNs, as AWS describes them."""
    return list(pages(client, "describe_listeners", "Listeners", on=f"listener {', '.join(arns)}", ListenerArns=arns))


def rules_of_listener(client: Any, listener: str) -> list[Rule]:
    """Every rule of a listener, the default one too."""
    answer = pages(client, "describe_rules", "Rules", on=f"listener {listener}", ListenerArn=listener)
    return [_rule(described) for described in answer]


def rules_by_arn(client: Any, rules: list[str]) -> list[Rule]:
    """The rules with these ARNs, of whatever listeners; one that does not exist is an `AwsError` (RuleNotFound)."""
    found: list[Rule] = []
    for start in range(0, len(rules), RULES_PER_CALL):
        some = rules[start : start + RULES_PER_CALL]
        answer = pages(client, "describe_rules", "Rules", on=f"rule {', '.join(some)}", RuleArns=some)
        found += [_rule(described) for described in answer]
    return found


def _rule(described: dict[str, Any]) -> Rule:
    """AWS's description of a rule as the decisions take it; the actions stay AWS's own, to be sent back whole."""
    default = bool(described.get("IsDefault"))
    return Rule(
        arn=described["RuleArn"],
        listener_arn=listener_of_rule(described["RuleArn"]),
        priority=None if default else int(described["Priority"]),
        actions=tuple(described.get("Actions", [])),
    )


def set_actions(client: Any, rule: Rule, actions: tuple[dict[str, Any], ...]) -> None:
    """Replace the actions of a rule: a default rule's through ModifyListener, any other's through ModifyRule.

    ModifyRule on a default rule fails with OperationNotPermitted.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html
    """
    if rule.default:
        on = f"the default rule of listener {rule.listener_arn}"
        call(client, "modify_listener", on=on, ListenerArn=rule.listener_arn, DefaultActions=list(actions))
    else:
        call(client, "modify_rule", on=f"rule {rule.arn}", RuleArn=rule.arn, Actions=list(actions))


def states_by_target(client: Any, target_group: str) -> dict[tuple[str, int], str]:
    """The state of each target registered in the group: initial, healthy, unhealthy, unused, draining, unavailable.

    By the target's id and port. https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
    """
    answer = call(client, "describe_target_health", on=f"target group {target_group}", TargetGroupArn=target_group)
    return {
        (each["Target"]["Id"], each["Target"].get("Port", 0)): each["TargetHealth"]["State"]
        for each in answer.get("TargetHealthDescriptions", [])
    }


def target_states(client: Any, target_group: str) -> list[str]:
    """The states alone, one for each target."""
    return list(states_by_target(client, target_group).values())
