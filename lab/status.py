# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab holds, as text: asked of its AWS API, as any AWS client would ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from lab.addresses import bound_ports
from lab.balancer.actions import weights_of
from lab.state import Lab

PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 12})


@cache
def client_of(lab: Lab, service: str) -> Any:
    """A boto3 client of the lab, whatever the environment says; who looks on has patience with the lab's faults.

    It is made once: who waits for something asks again and again.
    """
    make: Any = boto3.client  # its type has an overload per service, and this is a service by name
    return make(
        service,
        endpoint_url=lab.endpoint,
        region_name=lab.environment["AWS_REGION"],
        aws_access_key_id=lab.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=lab.environment["AWS_SECRET_ACCESS_KEY"],
        config=PATIENT,
    )


def _all(client: Any, operation: str, key: str, **arguments: Any) -> list[Any]:
    """Every item of a paginated answer."""
    pages = client.get_paginator(operation).paginate(**arguments)
    return [item for page in pages for item in page[key]]


def _target_group_name(arn: str) -> str:
    """The name in a target group's ARN, ``.../targetgroup/NAME/ID``."""
    return arn.split("/")[-2]


def describe(lab: Lab) -> str:
    """The lab, its load balancers with rules and splits, its target groups with targets, its services."""
    sections = [
        [f"lab {lab.name}: AWS endpoint {lab.endpoint}, a weight takes effect after {lab.propagation_delay:g} s"],
        list(_load_balancers(client_of(lab, "elbv2"), low_ports=lab.low_ports)),
        list(_target_groups(client_of(lab, "elbv2"))),
        list(_services(client_of(lab, "ecs"))),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _load_balancers(elbv2: Any, *, low_ports: bool) -> Iterator[str]:
    """Each load balancer, its listeners with their URLs, their rules."""
    for balancer in _all(elbv2, "describe_load_balancers", "LoadBalancers"):
        yield f"load balancer {balancer['LoadBalancerName']}"
        listeners = _all(elbv2, "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"])
        bound = bound_ports((listener["Port"] for listener in listeners), low_ports=low_ports)
        for listener in listeners:
            port = bound[listener["Port"]]
            moved = f" (listener port {listener['Port']}: the lab may not bind it)" if port != listener["Port"] else ""
            yield f"  {listener['Protocol'].lower()}://{balancer['DNSName']}:{port}/{moved}"
            for rule in _all(elbv2, "describe_rules", "Rules", ListenerArn=listener["ListenerArn"]):
                yield f"    {_rule(rule)}"


def _rule(rule: dict[str, Any]) -> str:
    """One rule: its priority, its conditions, what it does."""
    conditions = " and ".join(_condition(condition) for condition in rule["Conditions"])
    return f"{rule['Priority']:>7}  {conditions or 'everything'} -> {_action(rule['Actions'][-1])}"


def _condition(condition: dict[str, Any]) -> str:
    """One condition and its values."""
    configs = [value["Values"] for key, value in condition.items() if key.endswith("Config") and "Values" in value]
    values = configs[0] if configs else condition.get("Values", [])
    texts = [value if isinstance(value, str) else f"{value.get('Key', '')}={value['Value']}" for value in values]
    return f"{condition['Field']} {', '.join(texts)}"


def _action(action: dict[str, Any]) -> str:
    """What a rule does: for a forward each group with weight and share."""
    if action["Type"] != "forward":
        return str(action["Type"])
    weights = weights_of(action)
    total = sum(weights.values())
    shares = (
        f"{_target_group_name(arn)} {weight} ({100 * weight / total if total else 0:.4g} %)"
        for arn, weight in weights.items()
    )
    return ", ".join(shares)


def _target_groups(elbv2: Any) -> Iterator[str]:
    """Each target group and its targets' states."""
    for group in _all(elbv2, "describe_target_groups", "TargetGroups"):
        health = elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
        counts = Counter(target["TargetHealth"]["State"] for target in health)
        states = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        yield f"target group {group['TargetGroupName']}: {states or 'no target'}"
        for target in health:
            reason = target["TargetHealth"].get("Reason")
            where = f"{target['Target']['Id']}:{target['Target'].get('Port', group.get('Port'))}"
            yield f"  {where:<24} {target['TargetHealth']['State']}{f' ({reason})' if reason else ''}"


def _services(ecs: Any) -> Iterator[str]:
    """Each service: counts, release, rollout."""
    for cluster in _all(ecs, "list_clusters", "clusterArns"):
        arns = _all(ecs, "list_services", "serviceArns", cluster=cluster)
        for start in range(0, len(arns), 10):
            for service in ecs.describe_services(cluster=cluster, services=arns[start : start + 10])["services"]:
                yield _service(ecs, cluster, service)


def _service(ecs: Any, cluster: str, service: dict[str, Any]) -> str:
    """One service."""
    release = service["taskDefinition"]
    containers = ecs.describe_task_definition(taskDefinition=release)["taskDefinition"]["containerDefinitions"]
    images = ", ".join(container["image"] for container in containers)
    rollouts = ", ".join(deployment.get("rolloutState", "?") for deployment in service["deployments"])
    return (
        f"service {cluster.rpartition('/')[2]}/{service['serviceName']}: {service['status']}, "
        f"{service['runningCount']} running, {service['pendingCount']} pending of {service['desiredCount']} desired\n"
        f"  {release.rpartition('/')[2]} ({images}), rollout {rollouts or 'none'}"
    )
