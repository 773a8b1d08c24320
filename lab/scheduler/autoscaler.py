# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application Auto Scaling: moves a desired count back between min and max, and scales in a service without load.

Target tracking follows the load, by metrics that are behind it. Of that, this one knows only the end that hurts a
release: a service that no request reaches has nothing to do, and is taken down to its min, however soon its traffic
comes back, and also when it has just come back.
https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from lab.scheduler.model import Service
from lab.scheduler.services import Services


@dataclass(frozen=True)
class Bounds:
    """A scalable target of an ECS service. A suspended direction is not scaled.

    ``idle_seconds`` is how long the service is without load before its target tracking scales it in; None without it.
    """

    key: str
    minimum: int
    maximum: int
    in_suspended: bool = False
    out_suspended: bool = False
    idle_seconds: float | None = None


@dataclass
class Autoscaler:
    """Waits ``seconds`` before it moves a count, as the real one does not react at once.

    It sees a load ``load_seconds`` after a group got its weight.
    """

    services: Services
    seconds: float
    load_seconds: float
    loaded_since: dict[str, float] = field(default_factory=dict)
    outside_since: dict[str, float] = field(default_factory=dict)
    idle_since: dict[str, float] = field(default_factory=dict)

    def tick(self, bounds: list[Bounds], *, loaded: Collection[str], at: float) -> None:
        """One pass over all scalable targets. ``loaded`` are the target groups that have a weight on a rule."""
        seen = self._seen(loaded, at)
        for one in bounds:
            service = self.services.by_key.get(one.key)
            if service is None or service.status != "ACTIVE":
                continue
            if self._idle(service, one, seen, at):
                self.services.scale(service, one.minimum)
                continue
            wanted = wanted_count(service.desired, one)
            if wanted == service.desired:
                self.outside_since.pop(one.key, None)
            elif at - self.outside_since.setdefault(one.key, at) >= self.seconds:
                self.services.scale(service, wanted)
                del self.outside_since[one.key]

    def _seen(self, loaded: Collection[str], at: float) -> set[str]:
        """The groups whose load shows by now."""
        self.loaded_since = {group: self.loaded_since.get(group, at) for group in loaded}
        return {group for group, since in self.loaded_since.items() if at - since >= self.load_seconds}

    def _idle(self, service: Service, bounds: Bounds, seen: Collection[str], at: float) -> bool:
        """Whether the service has been without load for long enough to lose what it has above its min."""
        groups = {one.get("targetGroupArn") for one in service.request.get("loadBalancers") or []}
        if bounds.idle_seconds is None or not groups or groups & set(seen):
            self.idle_since.pop(bounds.key, None)
            return False
        long = at - self.idle_since.setdefault(bounds.key, at) >= bounds.idle_seconds
        return long and service.desired > bounds.minimum and not bounds.in_suspended


def wanted_count(desired: int, bounds: Bounds) -> int:
    """The count that the autoscaler wants: the nearest within the bounds, in a direction that is not suspended."""
    if desired < bounds.minimum and not bounds.out_suspended:
        return bounds.minimum
    if desired > bounds.maximum and not bounds.in_suspended:
        return bounds.maximum
    return desired
