# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a canary: services, target groups, rules and load balancers, as the info module returns them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import (
    load_balancer_of_listener,
    target_group_name,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.deployment import (
    controller_of,
    deployment_facts,
    has_taken,
    last_events,
    strategy_of,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.health import STATES, Health
from ansible_collections.canary.ecs.plugins.module_utils._canary.holding import memory_of
from ansible_collections.canary.ecs.plugins.module_utils._canary.previous_release import previous_release, promoted_from
from ansible_collections.canary.ecs.plugins.module_utils._canary.release import images
from ansible_collections.canary.ecs.plugins.module_utils._canary.rules import Groups, Rule, others
from ansible_collections.canary.ecs.plugins.module_utils._canary.split import Split

_DEFAULT_PORTS = {"HTTP": 80, "HTTPS": 443}
Facts = dict[str, Any]


def service_facts(
    service: Facts | None, task_definition: Mapping[str, Any] | None, scalable_target: Mapping[str, Any] | None
) -> Facts:
    """A service's release, counts, bounds, deployments and last events; nulls where no service was named."""
    service, target = service or {}, scalable_target or {}
    tags, release = service.get("tags", []), service.get("taskDefinition")
    return {
        "service": service.get("serviceName"),
        "service_arn": service.get("serviceArn"),
        "status": service.get("status"),
        "scheduling_strategy": service.get("schedulingStrategy", "REPLICA") if service else None,
        "deployment_controller": controller_of(service) if service else None,
        "deployment_strategy": strategy_of(service) if service else None,
        "task_definition": release,
        "previous_release": previous_release(tags, live=release),
        "promoted_from": promoted_from(tags, live=release),
        "images": images(task_definition) if task_definition else {},
        "desired": service.get("desiredCount"),
        "running": service.get("runningCount"),
        "pending": service.get("pendingCount"),
        "min": target.get("MinCapacity"),
        "max": target.get("MaxCapacity"),
        "held_from": _held_from(service, target),
        "deployments": [deployment_facts(each) for each in service.get("deployments", [])],
        "events": last_events(service),
    }


def _held_from(service: Facts, target: Mapping[str, Any]) -> int | None:
    """The service's own min, where it is held at another one, or was about to be when a run was cut off."""
    memory = memory_of(service.get("tags", []), live=target["MinCapacity"]) if "MinCapacity" in target else None
    return memory.own if memory else None


def target_group_facts(arn: str, health: Health, attributes: Mapping[str, str]) -> Facts:
    """A target group's targets by state, and those of its attributes that a shift has to reckon with, in seconds."""
    return {
        "arn": arn,
        "name": target_group_name(arn),
        **{state: health.count(state) for state in STATES},
        "registered": health.registered,
        "deregistration_delay": int(attributes.get("deregistration_delay.timeout_seconds", 300)),
        "sticky_seconds": _sticky_seconds(attributes),
    }


def _sticky_seconds(attributes: Mapping[str, str]) -> int:
    """How long the group's own stickiness keeps a client on one target; 0 where it is off.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
    """
    if attributes.get("stickiness.enabled") != "true":
        return 0
    kind = attributes.get("stickiness.type", "lb_cookie")
    return int(attributes.get(f"stickiness.{kind}.duration_seconds", 86400))


def rule_facts(rules: Iterable[Rule], groups: Groups, listeners: Mapping[str, Facts]) -> list[Facts]:
    """Each rule's split, and where it listens."""
    return [_rule(rule, split, groups, listeners) for rule in rules if (split := rule.split(groups)) is not None]


def _rule(rule: Rule, split: Split, groups: Groups, listeners: Mapping[str, Facts]) -> Facts:
    listener = listeners.get(rule.listener_arn, {})
    return {
        "rule_arn": rule.arn,
        "listener_arn": rule.listener_arn,
        "load_balancer_arn": load_balancer_of_listener(rule.listener_arn),
        "port": listener.get("Port"),
        "protocol": listener.get("Protocol"),
        "default": rule.default,
        "priority": rule.priority,
        **split.facts(),
        "sticky_seconds": rule.sticky_seconds,
        "others": [{"arn": arn, "weight": rule.weights[arn]} for arn in others(rule, groups)],
    }


def unnamed_facts(rules: Iterable[Rule], canaries: Iterable[str]) -> list[Facts]:
    """The rules that were not named and send the canary requests, with the share that it has of each."""
    own = frozenset(canaries)
    return [
        {
            "rule_arn": rule.arn,
            "listener_arn": rule.listener_arn,
            "percent": round(
                100 * sum(weight for arn, weight in rule.weights.items() if arn in own) / sum(rule.weights.values()), 3
            ),
        }
        for rule in rules
    ]


def common_percent(rules: Iterable[Facts]) -> float | None:
    """The canary's share where all rules agree on it; None where they differ, and where there is no rule."""
    percents = {rule["percent"] for rule in rules}
    return percents.pop() if len(percents) == 1 else None


def load_balancer_facts(load_balancers: Iterable[Facts], rules: Iterable[Facts]) -> list[Facts]:
    """Each load balancer, with the address that a client would use: of the rules' listeners, HTTPS before HTTP."""
    rules = list(rules)
    return [
        {
            "arn": each["LoadBalancerArn"],
            "name": each["LoadBalancerName"],
            "dns_name": each["DNSName"],
            "url": _url(each, rules),
        }
        for each in load_balancers
    ]


def _url(load_balancer: Facts, rules: list[Facts]) -> str | None:
    listening = [
        (rule["protocol"] != "HTTPS", rule["port"], rule["protocol"])
        for rule in rules
        if rule["load_balancer_arn"] == load_balancer["LoadBalancerArn"] and rule["port"] is not None
    ]
    if not listening:
        return None
    _rank, port, protocol = min(listening)
    suffix = "" if _DEFAULT_PORTS.get(protocol) == port else f":{port}"
    return f"{protocol.lower()}://{load_balancer['DNSName']}{suffix}"


def is_promoted(stable: Facts | None, canary: Facts | None) -> bool:
    """Whether stable runs the canary's task definition, rolled out, and not only on its way."""
    if not stable or not canary or not stable.get("taskDefinition"):
        return False
    return has_taken(stable, str(canary.get("taskDefinition")))
