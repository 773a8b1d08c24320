# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Amazon ECS, operation by operation."""

from __future__ import annotations

from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import call
from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import name_in
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError


def describe_services(client: Any, cluster: str, services: list[str], *, tags: bool = False) -> list[dict[str, Any]]:
    """The services, in the order asked for, as ECS describes them (at most 10, names or ARNs); tags only if asked for.

    A missing service comes back from ECS as a failure without an error, and a deleted one as INACTIVE; both raise
    `CanaryError` here, as does a cluster that does not exist.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html
    """
    names = ", ".join(services)
    asked = {"include": ["TAGS"]} if tags else {}
    on = f"service {names} in cluster {cluster}"
    answer = call(client, "describe_services", on=on, cluster=cluster, services=services, **asked)
    found = answer.get("services", [])
    return [_exactly(found, service, cluster) for service in services]


def _exactly(found: list[dict[str, Any]], service: str, cluster: str) -> dict[str, Any]:
    """The one service whose whole name or ARN was asked for, and which exists."""
    for candidate in found:
        if service in _called(candidate):
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


def _called(service: dict[str, Any]) -> tuple[str, str, str]:
    """What a service may be called: by its name, and by its ARN in the old form and in the new one.

    ECS takes both forms, and answers with the one that the service was made with.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html
    """
    name, cluster = service["serviceName"], name_in(service["clusterArn"])
    prefix = service["serviceArn"].partition("/")[0]
    return name, f"{prefix}/{name}", f"{prefix}/{cluster}/{name}"


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


def update_service(client: Any, service: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Change a service that ECS described (``desiredCount``, ``taskDefinition``), and nothing else of it.

    The answer is the service as the change left it: where the change began a deployment, its PRIMARY one.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
    """
    answer = call(
        client,
        "update_service",
        on=f"service {service['serviceArn']}",
        cluster=service["clusterArn"],
        service=service["serviceName"],
        **changes,
    )
    updated: dict[str, Any] = answer["service"]
    return updated


def tag_service(client: Any, service: dict[str, Any], tags: dict[str, str]) -> None:
    """Give a service tags; those that it has with these keys take the values.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TagResource.html
    """
    arn = service["serviceArn"]
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    call(client, "tag_resource", on=f"service {arn}", resourceArn=arn, tags=listed)


def untag_service(client: Any, service: dict[str, Any], *keys: str) -> None:
    """Take tags from a service; one that it does not have is no error.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UntagResource.html
    """
    arn = service["serviceArn"]
    call(client, "untag_resource", on=f"service {arn}", resourceArn=arn, tagKeys=list(keys))


def latest_revisions(client: Any, family: str, *, most: int) -> list[str]:
    """The ARNs of a family's newest active task definitions, newest first.

    ``familyPrefix`` means the whole name to ECS, in spite of its own; what answers like ECS may take it by its word.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitions.html
    """
    answer = call(
        client,
        "list_task_definitions",
        on=f"task definition family {family}",
        familyPrefix=family,
        status="ACTIVE",
        sort="DESC",
        maxResults=most,
    )
    return [arn for arn in answer.get("taskDefinitionArns", []) if name_in(arn).rpartition(":")[0] == family]


def register_task_definition(client: Any, task_definition: dict[str, Any]) -> str:
    """Register a new revision, and return its ARN.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
    """
    on = f"task definition family {task_definition['family']}"
    answer = call(client, "register_task_definition", on=on, **task_definition)
    arn: str = answer["taskDefinition"]["taskDefinitionArn"]
    return arn


def stopped_tasks(client: Any, service: dict[str, Any]) -> list[dict[str, Any]]:
    """The tasks of a service that have stopped, as far as ECS still remembers them (an hour; at most 100 of them).

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html
    """
    on = f"stopped tasks of service {service['serviceArn']}"
    where = {"cluster": service["clusterArn"]}
    listed = call(
        client, "list_tasks", on=on, **where, serviceName=service["serviceName"], desiredStatus="STOPPED"
    ).get("taskArns", [])
    if not listed:
        return []
    tasks: list[dict[str, Any]] = call(client, "describe_tasks", on=on, **where, tasks=listed).get("tasks", [])
    return tasks
