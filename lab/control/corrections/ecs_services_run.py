# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ECS services run: their tasks start, their deployments move, and DescribeServices tells.

moto keeps services and tasks as records that nothing changes; here the scheduler answers.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ecs.models import EC2ContainerServiceBackend, ecs_backends
from moto.ecs.responses import EC2ContainerServiceResponse

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud

OPERATIONS = (
    "create_service",
    "update_service",
    "delete_service",
    "describe_services",
    "list_services",
    "list_tasks",
    "describe_tasks",
    "stop_task",
    "run_task",
)


def correct(cloud: Cloud, moto: Patches) -> None:
    """Let the scheduler answer for services and tasks in the cloud's region."""
    for operation in OPERATIONS:
        moto.wrap(EC2ContainerServiceResponse, operation, _answering(cloud, operation))
    backend: Any = ecs_backends[cloud.settings.account][cloud.settings.region]
    backend.services = cloud.services.by_key
    moto.wrap(EC2ContainerServiceBackend, "describe_services", _found(cloud))


def _answering(cloud: Cloud, operation: str) -> Any:
    """The operation on the cloud's scheduler, in place of moto's."""

    def answer(original: Any, response: EC2ContainerServiceResponse) -> Any:
        if response.region != cloud.settings.region:
            return original(response)
        given = dict(response._get_params())
        return ActionResult(getattr(cloud.ecs, operation)(given))

    return answer


def _found(cloud: Cloud) -> Any:
    """What other parts of moto ask: which services exist and are active."""

    def describe(original: Any, backend: EC2ContainerServiceBackend, cluster: str, names: list[str]) -> Any:
        if backend.region_name != cloud.settings.region:
            return original(backend, cluster, names)
        keys = [f"{cluster.rsplit('/', 1)[-1]}:{name.rsplit('/', 1)[-1]}" for name in names]
        known = [cloud.services.by_key[key] for key in keys if key in cloud.services.by_key]
        return [service for service in known if service.status == "ACTIVE"], []

    return describe
