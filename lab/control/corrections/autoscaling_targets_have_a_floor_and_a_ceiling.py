# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new scalable target needs both capacities, and its maximum is never below its minimum.

https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud


def correct(cloud: Cloud, moto: Patches) -> None:
    """Check the capacities as they will be."""

    def register(original: Any, backend: ApplicationAutoscalingBackend, *target: str, **given: Any) -> Any:
        _namespace, resource, dimension = target
        known = backend.targets.get(dimension, {}).get(resource)
        floor, ceiling = given["min_capacity"], given["max_capacity"]
        if known is not None:
            floor = known.min_capacity if floor is None else floor
            ceiling = known.max_capacity if ceiling is None else ceiling
        _check(floor, ceiling)
        return original(backend, *target, **given)

    moto.wrap(ApplicationAutoscalingBackend, "register_scalable_target", register)


def _check(floor: int | None, ceiling: int | None) -> None:
    if floor is None or ceiling is None:
        raise AWSValidationException("Both MinCapacity and MaxCapacity are required to register a new scalable target")
    if floor < 0:
        raise AWSValidationException("Minimum capacity cannot be less than 0")
    if ceiling < floor:
        raise AWSValidationException("Maximum capacity cannot be less than minimum capacity")
