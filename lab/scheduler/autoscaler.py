# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application Auto Scaling's floor and ceiling: moves a desired count back between min and max."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.scheduler.model import Service
from lab.scheduler.services import Services


@dataclass(frozen=True)
class Bounds:
    """A scalable target of an ECS service. A suspended direction is not scaled."""

    key: str
    minimum: int
    maximum: int
    in_suspended: bool = False
    out_suspended: bool = False


@dataclass
class Autoscaler:
    """Waits ``seconds`` before it moves a count, as the real one does not react at once."""

    services: Services
    seconds: float
    outside_since: dict[str, float] = field(default_factory=dict)

    def tick(self, bounds: list[Bounds], *, at: float) -> None:
        """One pass over all scalable targets."""
        for one in bounds:
            service = self.services.by_key.get(one.key)
            if service is None or service.status != "ACTIVE":
                continue
            wanted = wanted_count(service.desired, one)
            if wanted == service.desired:
                self.outside_since.pop(one.key, None)
            elif at - self.outside_since.setdefault(one.key, at) >= self.seconds:
                self._move(service, wanted)
                del self.outside_since[one.key]

    def _move(self, service: Service, wanted: int) -> None:
        self.services.scale(service, wanted)


def wanted_count(desired: int, bounds: Bounds) -> int:
    """The count that the autoscaler wants: the nearest within the bounds, in a direction that is not suspended."""
    if desired < bounds.minimum and not bounds.out_suspended:
        return bounds.minimum
    if desired > bounds.maximum and not bounds.in_suspended:
        return bounds.maximum
    return desired
