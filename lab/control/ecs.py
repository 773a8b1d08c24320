# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of the ECS API on services and tasks, as functions of the request's parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.ecs.exceptions import (
    ClusterNotFoundException,
    EcsClientException,
    ECSException,
    InvalidParameterException,
    ServiceNotFoundException,
)

from lab.control.views import Network
from lab.scheduler.describe import service_shape, task_shape
from lab.scheduler.model import Service, Task
from lab.scheduler.services import Services
from lab.scheduler.specs import spec_in
from lab.scheduler.tasks import Tasks

Parameters = dict[str, Any]

# What starts a deployment when it changes; everything else is changed in place.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
DEPLOYS = ("taskDefinition", "networkConfiguration", "platformVersion", "loadBalancers", "serviceRegistries")
SCOPE = ("cluster", "service", "desiredCount", "forceNewDeployment", "tags", "clientToken")


@dataclass(frozen=True)
class TargetGroupFacts:
    """What CreateService looks at: the target type, and whether a load balancer forwards to the group."""

    target_type: str
    in_use: bool


@dataclass
class Ecs:
    """The operations. ``definition`` finds a task definition by family, family:revision or ARN."""

    services: Services
    tasks: Tasks
    network: Network
    definition: Callable[[str], Parameters]
    cluster: Callable[[str], tuple[str, str]]
    target_group: Callable[[str], TargetGroupFacts | None]

    def create_service(self, given: Parameters) -> Parameters:
        """CreateService. Refuses what ECS refuses, and starts the first deployment."""
        name, arn = self.cluster(given.get("cluster") or "default")
        known = self.services.by_key.get(f"{name}:{given['serviceName']}")
        if known and known.status == "ACTIVE":
            raise InvalidParameterException("Creation of service was not idempotent.")
        if known and known.status == "DRAINING":
            raise InvalidParameterException("Unable to Start a service that is still Draining.")
        request = {key: value for key, value in given.items() if key not in SCOPE and value is not None}
        service = Service(
            arn=f"{arn.replace(':cluster/', ':service/')}/{given['serviceName']}",
            name=given["serviceName"],
            cluster=name,
            cluster_arn=arn,
            desired=_count(given.get("desiredCount")) or 0,
            request=request,
            tags=given.get("tags") or [],
        )
        if _controller(request) == "ECS" or request.get("taskDefinition"):
            self._check(request)
        self.services.by_key[service.key] = service
        if _controller(request) == "ECS":
            self.services.deploy(service)
        return {"service": self._shape(service)}

    def update_service(self, given: Parameters) -> Parameters:
        """UpdateService. A change of task definition or network, or force, starts a deployment; a count does not."""
        service = self._active(given)
        changes = {key: value for key, value in given.items() if key not in SCOPE and value is not None}
        if _controller(service.request) != "ECS" and "taskDefinition" in changes:
            kind = _controller(service.request)
            raise InvalidParameterException(
                f"Unable to update task definition on services with a {kind} deployment controller."
            )
        if "deploymentConfiguration" in changes:
            changes["deploymentConfiguration"] = service.configuration | changes["deploymentConfiguration"]
        after = service.request | changes
        if "taskDefinition" in after:
            self._check(after, changed=changes.keys())
        count = _count(given.get("desiredCount"))
        if count is not None:
            self.services.scale(service, count)
        moved = any(after.get(key) != service.request.get(key) for key in DEPLOYS)
        service.request = after
        if (moved or _true(given.get("forceNewDeployment"))) and _controller(after) == "ECS":
            self.services.deploy(service)
        return {"service": self._shape(service)}

    def delete_service(self, given: Parameters) -> Parameters:
        """DeleteService: DRAINING while tasks stop, then INACTIVE; without force only at desired count 0."""
        service = self._active(given)
        if service.desired > 0 and not _true(given.get("force")):
            raise InvalidParameterException("The service cannot be stopped while it is scaled above 0.")
        self.services.delete(service)
        return {"service": self._shape(service)}

    def describe_services(self, given: Parameters) -> Parameters:
        """DescribeServices: at most 10; what is missing is a failure, not an error."""
        name, arn = self.cluster(given.get("cluster") or "default")
        wanted = given.get("services") or []
        if not wanted:
            raise InvalidParameterException("Services cannot be empty.")
        if len(wanted) > 10:
            raise InvalidParameterException("Services can have at most 10 items.")
        tags = "TAGS" in (given.get("include") or [])
        found, failures = [], []
        for one in wanted:
            service = self._find(name, one)
            if service is not None:
                found.append(self._shape(service, tags=tags))
            else:
                missing = one if one.startswith("arn:") else f"{arn.replace(':cluster/', ':service/')}/{one}"
                failures.append({"arn": missing, "reason": "MISSING"})
        return {"services": found, "failures": failures}

    def list_services(self, given: Parameters) -> Parameters:
        """ListServices: 10 a page unless asked otherwise; inactive ones are not listed."""
        name, _arn = self.cluster(given.get("cluster") or "default")
        arns = sorted(s.arn for s in self.services.by_key.values() if s.cluster == name and s.status != "INACTIVE")
        return _page(arns, "serviceArns", given, size=10)

    def list_tasks(self, given: Parameters) -> Parameters:
        """ListTasks: tasks that are wanted to run, unless ``desiredStatus`` says STOPPED."""
        _name, arn = self.cluster(given.get("cluster") or "default")
        if given.get("serviceName") and self._find(arn.rsplit("/", 1)[-1], given["serviceName"]) is None:
            raise ServiceNotFoundException
        chosen = [task for task in self.tasks.by_arn.values() if task.cluster_arn == arn and _matches(task, given)]
        return _page([task.arn for task in chosen], "taskArns", given, size=100)

    def describe_tasks(self, given: Parameters) -> Parameters:
        """DescribeTasks, by ARN or id; an unknown task is a failure."""
        _name, arn = self.cluster(given.get("cluster") or "default")
        wanted = given.get("tasks") or []
        if not wanted:
            raise InvalidParameterException("Tasks cannot be empty.")
        found, failures = [], []
        for one in wanted:
            task = self._task(arn, one)
            if task is not None:
                found.append(task_shape(task))
            else:
                failures.append({"arn": one, "reason": "MISSING"})
        return {"tasks": found, "failures": failures}

    def stop_task(self, given: Parameters) -> Parameters:
        """StopTask: the task is deregistered and drained, then stopped; its service starts another."""
        _name, arn = self.cluster(given.get("cluster") or "default")
        task = self._task(arn, given["task"])
        if task is None:
            raise InvalidParameterException("The referenced task was not found.")
        self.tasks.stop(task, code="UserInitiated", reason=given.get("reason") or "Task stopped by user")
        return {"task": task_shape(task)}

    def run_task(self, given: Parameters) -> Parameters:
        """RunTask: tasks of no service."""
        _name, arn = self.cluster(given.get("cluster") or "default")
        definition = self.definition(given["taskDefinition"])
        started = []
        for _turn in range(_count(given.get("count")) or 1):
            spec = spec_in(definition, cluster_arn=arn, service="", address=self.network.next_task())
            group = given.get("group") or f"family:{definition['family']}"
            task = Task(spec=spec, task_definition=definition["taskDefinitionArn"], cluster_arn=arn, group=group)
            self.tasks.add(task)
            started.append(task_shape(task))
        return {"tasks": started, "failures": []}

    def _shape(self, service: Service, *, tags: bool = False) -> Parameters:
        return service_shape(service, self.tasks.of(service), tags=tags)

    def _find(self, cluster: str, name_or_arn: str) -> Service | None:
        """By exact name, or by ARN in its new or old form."""
        service = self.services.by_key.get(f"{cluster}:{name_or_arn.rsplit('/', 1)[-1]}")
        if service is None or not name_or_arn.startswith("arn:"):
            return service
        old_form = service.arn.replace(f":service/{cluster}/", ":service/")
        return service if name_or_arn in (service.arn, old_form) else None

    def _active(self, given: Parameters) -> Service:
        """The service that a request names; it must be ACTIVE."""
        name, _arn = self.cluster(given.get("cluster") or "default")
        service = self._find(name, given["service"])
        if service is None:
            raise ServiceNotFoundException
        if service.status != "ACTIVE":
            raise ECSException("ServiceNotActiveException", "Service was not ACTIVE.")
        return service

    def _task(self, cluster_arn: str, arn_or_id: str) -> Task | None:
        arn = arn_or_id if arn_or_id.startswith("arn:") else f"{cluster_arn.replace(':cluster/', ':task/')}/{arn_or_id}"
        return self.tasks.by_arn.get(arn)

    def _check(self, request: Parameters, *, changed: Any = None) -> None:
        """Refuse what cannot run, and put the task definition's ARN in place of its name."""
        if not request.get("taskDefinition"):
            raise InvalidParameterException("TaskDefinition cannot be blank.")
        definition = self.definition(request["taskDefinition"])
        if definition.get("status") == "INACTIVE" and (changed is None or "taskDefinition" in changed):
            raise EcsClientException("TaskDefinition is inactive")
        request["taskDefinition"] = definition["taskDefinitionArn"]
        if definition.get("networkMode") == "awsvpc" and not request.get("networkConfiguration"):
            raise InvalidParameterException(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified."
            )
        for balancer in request.get("loadBalancers") or []:
            self._check_balancer(balancer, definition)

    def _check_balancer(self, balancer: Parameters, definition: Parameters) -> None:
        """The container and port exist, and the group is behind a load balancer.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html
        """
        name, port, arn = balancer.get("containerName"), balancer.get("containerPort"), balancer["targetGroupArn"]
        containers = {container["name"]: container for container in definition["containerDefinitions"]}
        if name not in containers:
            raise InvalidParameterException(f"The container {name} does not exist in the task definition.")
        ports = {int(mapping["containerPort"]) for mapping in containers[name].get("portMappings") or []}
        if int(port or 0) not in ports:
            raise InvalidParameterException(f"The container {name} did not have a container port {port} defined.")
        facts = self.target_group(arn)
        if facts is None or not facts.in_use:
            raise InvalidParameterException(
                f"The target group with targetGroupArn {arn} does not have an associated load balancer."
            )
        if facts.target_type != "ip" and definition.get("networkMode") == "awsvpc":
            raise InvalidParameterException(
                f"The provided target group {arn} has target type {facts.target_type}, which is incompatible with the "
                "awsvpc network mode specified in the task definition."
            )


def cluster_lookup(clusters: dict[str, Any], given: str) -> tuple[str, str]:
    """Name and ARN of an active cluster, from either."""
    cluster = clusters.get(given.rsplit("/", 1)[-1])
    if cluster is None or cluster.status == "INACTIVE" or (given.startswith("arn:") and given != cluster.arn):
        raise ClusterNotFoundException
    return cluster.name, cluster.arn


def _controller(request: Parameters) -> str:
    return str((request.get("deploymentController") or {}).get("type") or "ECS")


def _count(given: Any) -> int | None:
    """A desired count, checked; None where none was given."""
    if given is None:
        return None
    if int(given) < 0:
        raise InvalidParameterException("desiredCount cannot be negative.")
    return int(given)


def _true(given: Any) -> bool:
    return str(given).lower() == "true"


def _matches(task: Task, given: Parameters) -> bool:
    """Whether a task passes ListTasks's filters."""
    wanted = {
        "serviceName": task.spec.service,
        "family": task.spec.family,
        "startedBy": task.deployment,
    }
    chosen = all(given.get(key) in (None, value) for key, value in wanted.items() if key != "serviceName")
    name = (given.get("serviceName") or task.spec.service).rsplit("/", 1)[-1]
    return chosen and name == task.spec.service and task.desired_status == (given.get("desiredStatus") or "RUNNING")


def _page(items: list[str], key: str, given: Parameters, *, size: int) -> Parameters:
    """One page of a list, with the token of the next."""
    begin = int(given.get("nextToken") or 0)
    end = begin + int(given.get("maxResults") or size)
    page: Parameters = {key: items[begin:end]}
    if end < len(items):
        page["nextToken"] = str(end)
    return page
