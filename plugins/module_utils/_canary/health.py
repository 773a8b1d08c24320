# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target health: whether a group may take more traffic.

An Application Load Balancer does not fail over between groups: the share of a group without targets is answered with
503, and where none of its targets is healthy, its requests go to them all the same.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

STATES = ("healthy", "unhealthy", "initial", "draining", "unused", "unavailable")


@dataclass(frozen=True)
class Health:
    """How many targets of one group are in each of AWS's states.

    ``least`` is how many must be healthy, whatever is registered, before the group's share rises.
    """

    counts: tuple[tuple[str, int], ...]
    least: int = 1

    def count(self, state: str) -> int:
        """The number of targets in this state."""
        return dict(self.counts).get(state, 0)

    @property
    def healthy(self) -> int:
        return self.count("healthy")

    @property
    def registered(self) -> int:
        """The targets that stay: one that drains takes no new request, and is not counted."""
        return sum(count for state, count in self.counts if state != "draining")

    @property
    def needed(self) -> int:
        """The healthy targets that the group must have before its share rises: half of those registered, at least one.

        The group was sized for its share by whoever set its desired count; under half of that it would be
        overloaded by it, while to ask for all would let a single task in replacement hold up a rollback. Where its
        share is known to need more (`targets_for`), that counts.
        """
        return max(self.least, (self.registered + 1) // 2)

    @property
    def enough(self) -> bool:
        """Whether the group may take a larger share."""
        return self.healthy >= self.needed

    @property
    def hint(self) -> str:
        """What the states alone give away, as a sentence to add to an error; empty where there is nothing to say.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/application/check-target-health.html
        """
        if not self.counts:
            return " No target is registered: start tasks of its service, or look at the events of the service."
        if self.count("unused"):
            return (
                " Targets are unused when no rule forwards to their group, or when the load balancer is not enabled in "
                "their Availability Zone."
            )
        if self.least > self.registered > 0:
            return (
                " That is half of what this share needs, going by the tasks that have the requests now: size the "
                "service first, with canary.ecs.ecs_service_capacity and like."
            )
        return ""

    def facts(self) -> dict[str, Any]:
        """The counts as a module returns them."""
        return {"healthy": self.healthy, "registered": self.registered}

    def __str__(self) -> str:
        words = ", ".join(f"{count} {state}" for state, count in self.counts)
        return words or "no target registered"


def health_of(states: Iterable[str], *, least: int = 1) -> Health:
    """The health of a group from the states of its targets."""
    counted = Counter(states)
    return Health(counts=tuple((state, counted[state]) for state in STATES if counted[state]), least=least)


def targets_for(after: Fraction, *, before: Fraction, stable: int, canary: int) -> int:
    """The least healthy targets with which a canary may take a share: half of what it needs, and at least one.

    What it needs is that share of the targets which would do for all requests, going by the one of both sides that
    makes do with fewer for the share that it has before. ``stable`` and ``canary`` are the tasks of both sides.
    """
    enough = [tasks / share for tasks, share in ((stable, 1 - before), (canary, before)) if tasks and share]
    return max(1, math.ceil(after * min(enough) / 2)) if enough else 1
