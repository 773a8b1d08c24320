# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services and tasks in the shapes of DescribeServices and DescribeTasks. No clock, no I/O."""

from __future__ import annotations

from typing import Any

from lab.scheduler.model import Deployment, Service, Task

PLATFORM = {"platformVersion": "1.4.0", "platformFamily": "Linux"}


def service_shape(service: Service, tasks: list[Task], *, tags: bool = False) -> dict[str, Any]:
    """A service as DescribeServices returns it; ``tags`` where they were asked for."""
    request = service.request
    shape = {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "loadBalancers": service.load_balancers,
        "serviceRegistries": request.get("serviceRegistries") or [],
        "status": service.status,
        "desiredCount": service.desired,
        "runningCount": sum(task.running for task in tasks),
        "pendingCount": sum(task.pending for task in tasks),
        "launchType": request.get("launchType") or "FARGATE",
        **PLATFORM,
        "taskDefinition": request["taskDefinition"],
        "deploymentConfiguration": {**service.configuration, "deploymentCircuitBreaker": service.breaker},
        "deployments": [_deployment(service, deployment, tasks) for deployment in service.deployments],
        "roleArn": request.get("role") or "",
        "events": service.events,
        "createdAt": service.created_at,
        "placementConstraints": request.get("placementConstraints") or [],
        "placementStrategy": request.get("placementStrategy") or [],
        "networkConfiguration": request.get("networkConfiguration") or {},
        "schedulingStrategy": request.get("schedulingStrategy") or "REPLICA",
        "deploymentController": request.get("deploymentController") or {"type": "ECS"},
        "enableECSManagedTags": bool(request.get("enableECSManagedTags")),
        "propagateTags": request.get("propagateTags") or "NONE",
        "enableExecuteCommand": bool(request.get("enableExecuteCommand")),
    }
    if service.load_balancers:
        shape["healthCheckGracePeriodSeconds"] = int(request.get("healthCheckGracePeriodSeconds") or 0)
    if tags:
        shape["tags"] = service.tags
    return shape


def _deployment(service: Service, deployment: Deployment, tasks: list[Task]) -> dict[str, Any]:
    mine = [task for task in tasks if task.deployment == deployment.id]
    return {
        "id": deployment.id,
        "status": deployment.status,
        "taskDefinition": deployment.task_definition,
        "desiredCount": deployment.desired,
        "pendingCount": sum(task.pending for task in mine),
        "runningCount": sum(task.running for task in mine),
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "launchType": service.request.get("launchType") or "FARGATE",
        **PLATFORM,
        "networkConfiguration": service.request.get("networkConfiguration") or {},
        "rolloutState": deployment.rollout_state,
        "rolloutStateReason": deployment.rollout_state_reason,
    }


def task_shape(task: Task) -> dict[str, Any]:
    """A task as DescribeTasks returns it; what has not happened yet is left out."""
    shape: dict[str, Any] = {
        "taskArn": task.arn,
        "clusterArn": task.cluster_arn,
        "taskDefinitionArn": task.task_definition,
        "lastStatus": task.last_status,
        "desiredStatus": task.desired_status,
        "group": task.group,
        "launchType": "FARGATE",
        **PLATFORM,
        "startedBy": task.deployment,
        "healthStatus": "UNKNOWN",
        "connectivity": "CONNECTED",
        "version": 1,
        "overrides": {"containerOverrides": []},
        "attachments": [_interface(task)],
        "containers": _containers(task),
        "createdAt": task.created_at,
    }
    later = {
        "startedAt": task.started_at,
        "stoppingAt": task.stopping_at,
        "stoppedAt": task.stopped_at,
        "stopCode": task.stop_code,
        "stoppedReason": task.stopped_reason,
    }
    return shape | {key: value for key, value in later.items() if value}


def _interface(task: Task) -> dict[str, Any]:
    """The elastic network interface, whose address is the target's."""
    status = "DELETED" if task.last_status == "STOPPED" else "ATTACHED"
    address = {"name": "privateIPv4Address", "value": task.spec.address}
    return {"id": task.id, "type": "ElasticNetworkInterface", "status": status, "details": [address]}


def _containers(task: Task) -> list[dict[str, Any]]:
    status = task.last_status if task.last_status in ("RUNNING", "STOPPED") else "PENDING"
    if task.last_status in ("DEACTIVATING", "STOPPING"):
        status = "RUNNING"
    shapes: list[dict[str, Any]] = []
    for container in task.spec.containers:
        shape: dict[str, Any] = {
            "containerArn": f"{task.arn.replace(':task/', ':container/')}/{container.name}",
            "taskArn": task.arn,
            "name": container.name,
            "image": container.image,
            "lastStatus": status,
            "healthStatus": "UNKNOWN",
            "networkInterfaces": [{"attachmentId": task.id, "privateIpv4Address": task.spec.address}],
        }
        if task.exit_code is not None:
            shape["exitCode"] = task.exit_code
        shapes.append(shape)
    return shapes
