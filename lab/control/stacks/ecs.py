# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ECS task definitions and services as stack resources."""

from __future__ import annotations

from typing import Any

from moto.ecs.models import EC2ContainerServiceBackend, ecs_backends

from lab.control.stacks.case import camel, tags
from lab.control.stacks.resource import Properties, Resource, Unstable
from lab.scheduler.model import Service as RunningService

BREAKER = (
    "Resource handler returned message: Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."
)

# moto's names for what RegisterTaskDefinition takes.
TASK_FIELDS = {
    "Volumes": "volumes",
    "NetworkMode": "network_mode",
    "PlacementConstraints": "placement_constraints",
    "RequiresCompatibilities": "requires_compatibilities",
    "TaskRoleArn": "task_role_arn",
    "ExecutionRoleArn": "execution_role_arn",
    "ProxyConfiguration": "proxy_configuration",
    "RuntimePlatform": "runtime_platform",
    "IpcMode": "ipc_mode",
    "PidMode": "pid_mode",
    "EphemeralStorage": "ephemeral_storage",
}


class Cluster(Resource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ecs-cluster.html"""

    type = "AWS::ECS::Cluster"
    attributes = ("Arn",)

    def create(self) -> str:
        """CreateCluster."""
        self._backend.create_cluster(
            self.name, tags(self.properties), camel(self.properties.get("ClusterSettings")) or None
        )
        return self.name

    def update(self, properties: Properties) -> bool:
        """Settings in place; another name needs another cluster."""
        if properties.get("ClusterName") != self.properties.get("ClusterName"):
            return False
        self.properties = properties
        self._backend.update_cluster(self.name, camel(properties.get("ClusterSettings")) or None, None, None)
        return True

    def delete(self) -> None:
        """DeleteCluster."""
        self._backend.delete_cluster(self.name)

    def attribute(self, name: str) -> Any:
        """Its ARN."""
        return {"Arn": self._backend.clusters[self.name].arn}[name]

    @property
    def _backend(self) -> EC2ContainerServiceBackend:
        settings = self.cloud.settings
        return ecs_backends[settings.account][settings.region]


class TaskDefinition(Resource):
    """Any change is a new revision: the type is always replaced.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ecs-taskdefinition.html
    """

    type = "AWS::ECS::TaskDefinition"
    attributes = ("TaskDefinitionArn",)

    def create(self) -> str:
        """RegisterTaskDefinition."""
        given = self.properties
        settings = self.cloud.settings
        more = {name: camel(given[key]) for key, name in TASK_FIELDS.items() if key in given}
        definition = ecs_backends[settings.account][settings.region].register_task_definition(
            family=given.get("Family") or self.name,
            container_definitions=[_container(one) for one in given["ContainerDefinitions"]],
            cpu=_text(given.get("Cpu")),
            memory=_text(given.get("Memory")),
            tags=tags(given),
            **more,
        )
        return definition.arn

    def delete(self) -> None:
        """DeregisterTaskDefinition."""
        settings = self.cloud.settings
        ecs_backends[settings.account][settings.region].deregister_task_definition(self.physical_resource_id)

    def attribute(self, name: str) -> Any:
        """Its ARN."""
        return {"TaskDefinitionArn": self.physical_resource_id}[name]


class Service(Resource):
    """A service; the stack waits until it is steady, whatever was changed of it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ecs-service.html
    """

    type = "AWS::ECS::Service"
    attributes = ("Name", "ServiceArn")
    _failed = False

    def create(self) -> str:
        """CreateService. A desired count left out is 1."""
        request = self._request(self.properties)
        request.setdefault("desiredCount", 1)
        shape = self.cloud.ecs.create_service({**request, "serviceName": self.name, "tags": tags(self.properties)})
        self.physical_resource_id = shape["service"]["serviceArn"]
        self._awaited = self._service().deployments[0].id if self._service().deployments else ""
        return self.physical_resource_id

    def update(self, properties: Properties) -> bool:
        """UpdateService with what changed; a desired count left out is left alone."""
        fixed = ("ServiceName", "Cluster", "LaunchType", "DeploymentController", "SchedulingStrategy", "Role")
        if any(properties.get(key) != self.properties.get(key) for key in fixed):
            return False
        sent = {} if self._failed else self.properties
        changed = {key: value for key, value in properties.items() if sent.get(key) != value and key not in fixed}
        request = {**self._request(changed), "cluster": properties.get("Cluster"), "service": self.physical_resource_id}
        self.cloud.ecs.update_service(request)
        self.properties, self._failed = properties, False
        self._awaited = self._service().deployments[0].id if self._service().deployments else ""
        return True

    def delete(self) -> None:
        """DeleteService, its tasks with it."""
        service = self._service()
        if service.status == "ACTIVE":
            self.cloud.ecs.delete_service({"cluster": service.cluster, "service": service.name, "force": True})

    def gone(self) -> bool:
        """Whether its last task has stopped."""
        return self._service().status == "INACTIVE"

    def settled(self) -> bool:
        """Whether its deployment has completed, and all tasks run; a deployment rolled back or failed never will."""
        if not self._awaited:
            return True
        service = self._service()
        deployment = next((d for d in service.deployments if d.id == self._awaited), None)
        if deployment is None or deployment.rollout_state == "FAILED":
            raise Unstable(BREAKER)
        if deployment.rollout_state == "COMPLETED" and service.steady:
            # What happens to the service from now on is not this operation's.
            self._awaited = ""
        return not self._awaited

    def stay_failed(self) -> None:
        """The next update sends everything."""
        self._failed = True

    def attribute(self, name: str) -> Any:
        """Name and ARN."""
        return {"Name": self._service().name, "ServiceArn": self.physical_resource_id}[name]

    def _service(self) -> RunningService:
        """The service as it runs; its name may have been taken by a later one, so the ARN's key finds it."""
        cluster, name = self.physical_resource_id.rsplit("/", 2)[-2:]
        return self.cloud.services.by_key[f"{cluster}:{name}"]

    @staticmethod
    def _request(properties: Properties) -> dict[str, Any]:
        """The properties as the API's parameters."""
        request: dict[str, Any] = camel({key: value for key, value in properties.items() if key != "Tags"})
        request.pop("serviceName", None)
        for balancer in request.get("loadBalancers") or []:
            balancer["containerPort"] = int(balancer["containerPort"])
        breaker = (request.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
        for key, value in breaker.items():
            breaker[key] = str(value).lower() == "true"
        return request


def _container(properties: Properties) -> dict[str, Any]:
    """A container definition in the API's shape; numbers that templates write as words become numbers."""
    container: dict[str, Any] = camel(properties)
    for key in ("cpu", "memory", "memoryReservation", "stopTimeout", "startTimeout"):
        if key in container:
            container[key] = int(container[key])
    for mapping in container.get("portMappings") or []:
        mapping.update({key: int(mapping[key]) for key in ("containerPort", "hostPort") if key in mapping})
        mapping.setdefault("hostPort", mapping["containerPort"])
        mapping.setdefault("protocol", "tcp")
    if "essential" in container:
        container["essential"] = str(container["essential"]).lower() == "true"
    return container


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
