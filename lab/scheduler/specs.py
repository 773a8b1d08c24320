# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a task definition to what starting one task takes. No clock, no I/O."""

from __future__ import annotations

from typing import Any

from lab.control.views import Container, TaskSpec
from lab.scheduler import ids
from lab.scheduler.model import Service

STOP_TIMEOUT_SECONDS = 30
"""Fargate's default. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html"""


def spec_of(definition: dict[str, Any], service: Service, address: str) -> TaskSpec:
    """The spec of a fresh task of a service at an address of the lab's own."""
    return spec_in(definition, cluster_arn=service.cluster_arn, service=service.name, address=address)


def spec_in(definition: dict[str, Any], *, cluster_arn: str, service: str, address: str) -> TaskSpec:
    """The spec of a fresh task in a cluster; ``service`` is empty for a task that RunTask started."""
    containers = definition["containerDefinitions"]
    return TaskSpec(
        task_arn=f"{cluster_arn.replace(':cluster/', ':task/')}/{ids.hex_id()}",
        service=service,
        family=definition["family"],
        containers=tuple(_container(container) for container in containers),
        address=address,
        port=_port(containers),
        stop_timeout=max(int(container.get("stopTimeout") or STOP_TIMEOUT_SECONDS) for container in containers),
    )


def _container(definition: dict[str, Any]) -> Container:
    return Container(
        name=definition["name"],
        image=definition["image"],
    )


def _port(containers: list[dict[str, Any]]) -> int:
    """The first port that any container maps; 80 where none does."""
    for container in containers:
        for mapping in container.get("portMappings") or []:
            return int(mapping["containerPort"])
    return 80
