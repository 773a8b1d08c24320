# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application Auto Scaling, operation by operation, for the desired count of ECS services."""

from __future__ import annotations

from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import call, pages
from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import name_in

DIMENSION = "ecs:service:DesiredCount"


def resource_id(service: dict[str, Any]) -> str:
    """The name that Application Auto Scaling has for a service that ECS described: ``service/CLUSTER/NAME``.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ScalableTarget.html
    """
    cluster = name_in(service["clusterArn"])
    return f"service/{cluster}/{service['serviceName']}"


def scalable_targets(client: Any, resource_ids: list[str]) -> dict[str, dict[str, Any]]:
    """The scalable targets of the services, by resource id; a service without one is left out (at most 50)."""
    answer = pages(
        client,
        "describe_scalable_targets",
        "ScalableTargets",
        on=f"scalable target {', '.join(resource_ids)}",
        ServiceNamespace="ecs",
        ResourceIds=resource_ids,
        ScalableDimension=DIMENSION,
    )
    return {target["ResourceId"]: target for target in answer}


def register_scalable_target(client: Any, resource: str, *, minimum: int | None, maximum: int | None) -> None:
    """Set the bounds of a scalable target, or create it; a bound of None is not sent, and so stays as it is.

    Creating one needs both bounds. Neither the suspended state nor the scaling policies are touched.
    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
    """
    bounds = {"MinCapacity": minimum, "MaxCapacity": maximum}
    call(
        client,
        "register_scalable_target",
        on=f"scalable target {resource}",
        ServiceNamespace="ecs",
        ResourceId=resource,
        ScalableDimension=DIMENSION,
        **{name: value for name, value in bounds.items() if value is not None},
    )
