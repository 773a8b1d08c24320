# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a canary, as the info module returns them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.facts import (
    common_percent,
    is_promoted,
    load_balancer_facts,
    service_facts,
    target_group_facts,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.health import health_of

GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/cart/1"


DEPLOYMENT = {
    "id": "ecs-svc/1",
    "status": "PRIMARY",
    "rolloutState": "IN_PROGRESS",
    "rolloutStateReason": "in progress",
    "taskDefinition": "td:2",
    "desiredCount": 3,
    "runningCount": 2,
    "pendingCount": 1,
    "failedTasks": 4,
}
SERVICE = {
    "serviceName": "cart",
    "serviceArn": "arn:cart",
    "status": "ACTIVE",
    "taskDefinition": "td:2",
    "desiredCount": 3,
    "runningCount": 2,
    "pendingCount": 1,
    "tags": [
        {"key": "canary.ecs:previous-release", "value": "td:1"},
        {"key": "canary.ecs:promoted-to", "value": "td:2"},
        {"key": "canary.ecs:promoted-from", "value": "td:canary"},
    ],
    "deploymentConfiguration": {"strategy": "BLUE_GREEN"},
    "deployments": [DEPLOYMENT],
    "events": [{"message": f"event {number}"} for number in range(9)],
}
DEFINITION = {"containerDefinitions": [{"name": "app", "image": "app:v2"}, {"name": "log", "image": "log:1"}]}


@pytest.mark.parametrize(("live", "own"), [(2, 2), (6, 2), (7, None)])
def test_a_service_that_is_held_tells_its_own_min(live: int, own: int | None) -> None:
    held = {**SERVICE, "tags": [{"key": "canary.ecs:min", "value": "2/6"}]}
    assert service_facts(held, DEFINITION, {"MinCapacity": live, "MaxCapacity": 8})["held_from"] == own
    assert service_facts(held, DEFINITION, None)["held_from"] is None


def test_a_service_in_facts() -> None:
    counts = {"desired": 3, "running": 2, "pending": 1}
    deployment = {
        "id": "ecs-svc/1",
        "status": "PRIMARY",
        "rollout_state": "IN_PROGRESS",
        "rollout_state_reason": "in progress",
        "task_definition": "td:2",
        "failed": 4,
        **counts,
    }
    assert service_facts(SERVICE, DEFINITION, {"MinCapacity": 2, "MaxCapacity": 8}) == {
        "service": "cart",
        "service_arn": "arn:cart",
        "status": "ACTIVE",
        "scheduling_strategy": "REPLICA",
        "deployment_controller": "ECS",
        "deployment_strategy": "BLUE_GREEN",
        "task_definition": "td:2",
        "previous_release": "td:1",
        "promoted_from": "td:canary",
        "images": {"app": "app:v2", "log": "log:1"},
        "min": 2,
        "max": 8,
        "held_from": None,
        "deployments": [deployment],
        "events": [f"event {number}" for number in range(5)],
        **counts,
    }


def test_the_keys_are_the_same_without_a_service() -> None:
    nothing = service_facts(None, None, None)
    assert nothing["service"] is None
    assert nothing["min"] is None
    assert nothing["deployments"] == nothing["events"] == []


@pytest.mark.parametrize(
    ("attributes", "sticky", "delay"),
    [
        ({}, 0, 300),
        ({"deregistration_delay.timeout_seconds": "5", "stickiness.enabled": "false"}, 0, 5),
        (
            {
                "stickiness.enabled": "true",
                "stickiness.type": "lb_cookie",
                "stickiness.lb_cookie.duration_seconds": "60",
                "stickiness.app_cookie.duration_seconds": "70",
            },
            60,
            300,
        ),
        (
            {
                "stickiness.enabled": "true",
                "stickiness.type": "app_cookie",
                "stickiness.app_cookie.duration_seconds": "70",
            },
            70,
            300,
        ),
    ],
)
def test_a_target_group_in_facts(attributes: dict[str, str], sticky: int, delay: int) -> None:
    facts = target_group_facts(GROUP, health_of(["healthy", "unused", "draining"]), attributes)
    assert (facts["name"], facts["sticky_seconds"], facts["deregistration_delay"]) == ("cart", sticky, delay)
    assert (facts["healthy"], facts["unused"], facts["draining"], facts["registered"]) == (1, 1, 1, 2)


@pytest.mark.parametrize(
    ("percents", "expected"), [([], None), ([25.0], 25.0), ([25.0, 25.0], 25.0), ([25.0, 0.0], None), ([None], None)]
)
def test_the_percent_that_all_rules_agree_on(percents: list[float | None], expected: float | None) -> None:
    assert common_percent([{"percent": percent} for percent in percents]) == expected


@pytest.mark.parametrize(
    ("listening", "url"),
    [
        ([("HTTP", 80)], "http://shop.example"),
        ([("HTTP", 8080)], "http://shop.example:8080"),
        ([("HTTP", 80), ("HTTPS", 443)], "https://shop.example"),
        ([("HTTPS", 8443), ("HTTP", 80)], "https://shop.example:8443"),
        ([("HTTP", 81), ("HTTP", 80)], "http://shop.example"),
        ([], None),
    ],
)
def test_the_address_for_clients(listening: list[tuple[str, int]], url: str | None) -> None:
    rules = [{"load_balancer_arn": "lb", "protocol": protocol, "port": port} for protocol, port in listening]
    other = {"load_balancer_arn": "other", "protocol": "HTTPS", "port": 443}
    balancer = {"LoadBalancerArn": "lb", "LoadBalancerName": "shop", "DNSName": "shop.example"}
    assert load_balancer_facts([balancer], [*rules, other]) == [
        {"arn": "lb", "name": "shop", "dns_name": "shop.example", "url": url}
    ]


def service(task_definition: str | None, state: str | None) -> dict[str, Any]:
    rollout = {"rolloutState": state} if state else {}
    deployments = [{"id": "ecs-svc/1", "status": "PRIMARY", **rollout}]
    return {**({"taskDefinition": task_definition} if task_definition else {}), "deployments": deployments}


@pytest.mark.parametrize(
    ("stable", "canary", "expected"),
    [
        (service("td:2", "COMPLETED"), service("td:2", "COMPLETED"), True),
        (service("td:2", "IN_PROGRESS"), service("td:2", "COMPLETED"), False),
        (service("td:1", "COMPLETED"), service("td:2", "COMPLETED"), False),
        (service("td:2", None), service("td:2", None), True),
        (service(None, None), service(None, None), False),
        (None, None, False),
    ],
)
def test_promoted_is_the_same_release_rolled_out(
    stable: dict[str, Any] | None, canary: dict[str, Any] | None, expected: bool
) -> None:
    assert is_promoted(stable, canary) is expected
