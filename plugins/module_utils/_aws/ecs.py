# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Amazon ECS, operation by operation."""

from __future__ import annotations

from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import call
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError


def describe_services(client: Any, cluster: str, services: list[str]) -> list[dict[str, Any]]:
    """The services, in the order asked for, as ECS describes them (at most 10, names or ARNs).

    A missing service comes back from ECS as a failure without an error, and a deleted one as INACTIVE; both raise
    `CanaryError` here, as does a cluster that does not exist.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html
    """
    names = ", ".join(services)
    answer = call(
        client, "describe_services", on=f"service {names} in cluster {cluster}", cluster=cluster, services=services
    )
    found = answer.get("services", [])
    return [_exactly(found, service, cluster) for service in services]


def _exactly(found: list[dict[str, Any]], service: str, cluster: str) -> dict[str, Any]:
    """The one service whose whole name or ARN was asked for, and which exists."""
    for candidate in found:
        if service in (candidate["serviceArn"], candidate["serviceName"]):
            if candidate.get("status") == "INACTIVE":
                raise CanaryError(
                    f"Service {service} in cluster {cluster} is INACTIVE: it was deleted. Name one that runs.",
                    service=service,
                    cluster=cluster,
                )
            return candidate
    raise CanaryError(
        f"Service {service} does not exist in cluster {cluster}. Check the service, the cluster and the region.",
        service=service,
        cluster=cluster,
    )


def describe_task_definition(client: Any, task_definition: str, *, tags: bool = False) -> dict[str, Any]:
    """A task definition by ARN or ``family:revision``, as ECS describes it.

    ECS returns tags beside the task definition, and only when asked for them; with ``tags`` they are put inside, as
    RegisterTaskDefinition takes them.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
    """
    asked = {"include": ["TAGS"]} if tags else {}
    answer = call(
        client,
        "describe_task_definition",
        on=f"task definition {task_definition}",
        taskDefinition=task_definition,
        **asked,
    )
    described: dict[str, Any] = dict(answer["taskDefinition"])
    if tags and answer.get("tags"):
        described["tags"] = answer["tags"]
    return described
