# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of a rolling deployment: decides what to start and what to stop. No clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor


@dataclass(frozen=True)
class Count:
    """The tasks of one side of a rollout that the scheduler still counts on."""

    healthy: int
    other: int

    @property
    def all(self) -> int:
        """Every task, healthy or not (yet)."""
        return self.healthy + self.other


@dataclass(frozen=True)
class Step:
    """What to do now: tasks of the primary deployment to start or stop, and older tasks to stop."""

    start: int = 0
    stop_primary: int = 0
    stop_old_healthy: int = 0
    stop_old_other: int = 0


def next_step(desired: int, *, primary: Count, old: Count, minimum_healthy_percent: int, maximum_percent: int) -> Step:
    """The next step of a rolling update towards ``desired`` tasks of the primary deployment.

    Never more than ``maximum_percent`` of the desired tasks (rounded down), and none stopped that would leave fewer
    than ``minimum_healthy_percent`` healthy (rounded up). Old tasks that are not healthy serve nobody and go first.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
    """
    ceiling = floor(desired * maximum_percent / 100)
    floor_healthy = ceil(desired * minimum_healthy_percent / 100)
    missing = max(0, desired - primary.all)
    start = max(0, min(missing, ceiling - primary.all - old.all))
    spare = max(0, primary.healthy + old.healthy - floor_healthy)
    wanted = old.healthy if primary.healthy >= desired else max(primary.healthy, missing if start == 0 else 0)
    return Step(
        start=start,
        stop_primary=max(0, primary.all - desired),
        stop_old_healthy=min(old.healthy, spare, wanted),
        stop_old_other=old.other,
    )


def breaker_threshold(desired: int) -> int:
    """How many consecutive failed tasks trip the deployment circuit breaker: half of the desired count, in 3 to 200.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
    """
    return min(200, max(3, ceil(0.5 * desired)))
