# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the emulator's records into the lab's own values. Changes nothing."""

from __future__ import annotations

from typing import Any

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.ecs.models import TaskDefinition
from moto.elbv2.models import ELBv2Backend, FakeListener, FakeTargetGroup

from lab.balancer.config import forwarded_groups
from lab.balancer.starved import weighted
from lab.control.views import Listener, LoadBalancer, Rule, Target, TargetGroup
from lab.scheduler.autoscaler import Bounds
from lab.scheduler.probes import HealthCheck
from lab.scheduler.targets import Group, Targets

DESIRED_COUNT = "ecs:service:DesiredCount"


def load_balancers(backend: ELBv2Backend) -> list[LoadBalancer]:
    """Every load balancer with its listeners and rules, rules in the order of evaluation."""
    return [
        LoadBalancer(
            arn=balancer.arn,
            name=balancer.name,
            address=balancer.dns_name,
            listeners=tuple(_listener(listener) for listener in balancer.listeners.values()),
        )
        for balancer in backend.load_balancers.values()
    ]


def _listener(listener: FakeListener) -> Listener:
    rules = [
        Rule(
            arn=rule.arn,
            priority=None if rule.is_default else int(rule.priority),
            conditions=tuple(rule.conditions),
            actions=tuple(action.data for action in rule.actions),
        )
        for rule in listener.rules.values()
    ]
    ordered = sorted(rules, key=lambda rule: (rule.priority is None, rule.priority or 0))
    return Listener(
        arn=listener.arn, port=int(listener.port), protocol=listener.protocol or "HTTP", rules=tuple(ordered)
    )


def load_balancers_by_group(backend: ELBv2Backend) -> dict[str, list[str]]:
    """The load balancers that forward to each target group, weight 0 included."""
    users: dict[str, list[str]] = {}
    for balancer in load_balancers(backend):
        for arn in forwarded_groups([balancer]):
            users.setdefault(arn, []).append(balancer.arn)
    return users


def target_groups(backend: ELBv2Backend, targets: Targets) -> dict[str, TargetGroup]:
    """Every target group with the state of each of its targets."""
    return {
        group.arn: TargetGroup(
            arn=group.arn,
            name=group.name,
            port=int(group.port),
            deregistration_delay=_delay(group),
            targets=tuple(Target(t.id, t.port, t.state, t.reason) for t in targets.of(group.arn)),
        )
        for group in backend.target_groups.values()
    }


def groups(backend: ELBv2Backend) -> dict[str, Group]:
    """Every target group's settings, and whether a rule forwards to it."""
    users = load_balancers_by_group(backend)
    return {
        group.arn: Group(
            arn=group.arn,
            port=int(group.port or 80),
            check=_check(group),
            deregistration_delay=_delay(group),
            in_use=bool(users.get(group.arn)),
        )
        for group in backend.target_groups.values()
    }


def _check(group: FakeTargetGroup) -> HealthCheck:
    port = str(group.health_check_port or "traffic-port")
    return HealthCheck(
        path=group.health_check_path or "/",
        port=int(port) if port.isdigit() else None,
        interval=int(group.health_check_interval_seconds),
        timeout=int(group.health_check_timeout_seconds),
        healthy_threshold=int(group.healthy_threshold_count),
        unhealthy_threshold=int(group.unhealthy_threshold_count),
        matcher=str((getattr(group, "matcher", None) or {}).get("HttpCode") or "200"),
        enabled=str(group.health_check_enabled).lower() != "false",
    )


def _delay(group: FakeTargetGroup) -> int:
    return int(str(group.attributes["deregistration_delay.timeout_seconds"]))


def task_definition(definition: TaskDefinition) -> dict[str, Any]:
    """A task definition in the API's shape, as far as the scheduler needs it."""
    return {
        "taskDefinitionArn": definition.arn,
        "family": definition.family,
        "revision": definition.revision,
        "status": definition.status,
        "networkMode": definition.network_mode,
        "containerDefinitions": definition.container_definitions,
    }


def loaded(backend: ELBv2Backend) -> set[str]:
    """The target groups that have a weight on a rule, so that requests may reach them."""
    return weighted(load_balancers(backend))


def bounds(backend: ApplicationAutoscalingBackend) -> list[Bounds]:
    """The scalable targets of ECS services."""
    found = []
    for target in backend.targets.get(DESIRED_COUNT, {}).values():
        _kind, cluster, service = target.resource_id.split("/")
        suspended: Any = target.suspended_state or {}
        found.append(
            Bounds(
                key=f"{cluster}:{service}",
                minimum=int(target.min_capacity or 0),
                maximum=int(target.max_capacity or 0),
                in_suspended=bool(suspended.get("DynamicScalingInSuspended")),
                out_suspended=bool(suspended.get("DynamicScalingOutSuspended")),
                idle_seconds=_idle_seconds(backend, target.resource_id),
            )
        )
    return found


def _idle_seconds(backend: ApplicationAutoscalingBackend, resource: str) -> float | None:
    """How long target tracking lets a service be idle: the policy's own cooldown, 300 s by default.

    The real one also waits for an alarm on fifteen minutes of data; a lab is in more of a hurry.
    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html
    """
    tracking: list[dict[str, Any]] = [
        policy.target_tracking_scaling_policy_configuration
        for policy in backend.policies.values()
        if policy.resource_id == resource and policy.target_tracking_scaling_policy_configuration
    ]
    times = [float(each.get("ScaleInCooldown", 300)) for each in tracking if not each.get("DisableScaleIn")]
    return min(times, default=None)
