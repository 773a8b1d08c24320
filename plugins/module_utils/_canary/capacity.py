# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capacity: how many tasks a service is to run, and the bounds that its autoscaler keeps.

The autoscaler moves a count that lies outside its bounds, so every step of a change leaves the count within them.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.split import share_of_percent


@dataclass(frozen=True)
class Bounds:
    """The least and the most tasks that the autoscaler may choose."""

    min: int
    max: int

    def hold(self, count: int) -> bool:
        """Whether the autoscaler leaves this count alone."""
        return self.min <= count <= self.max

    def nearest(self, count: int) -> int:
        """Where the autoscaler moves this count: to itself, or to the bound next to it."""
        return max(self.min, min(self.max, count))


@dataclass(frozen=True)
class Capacity:
    """The capacity of one service; ``bounds`` is None where it has no scalable target."""

    desired: int
    bounds: Bounds | None

    def facts(self) -> dict[str, int | None]:
        """The capacity as a module returns it: min and max are null without a scalable target."""
        return {
            "desired": self.desired,
            "min": self.bounds.min if self.bounds else None,
            "max": self.bounds.max if self.bounds else None,
        }

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.facts().items() if value is not None)


@dataclass(frozen=True)
class Wanted:
    """What is asked of a capacity; None leaves that number alone."""

    desired: int | None = None
    min: int | None = None
    max: int | None = None


@dataclass(frozen=True)
class SetCount:
    """Set the service's desired count."""

    desired: int


@dataclass(frozen=True)
class SetBounds:
    """Set the scalable target's bounds; None leaves that bound alone."""

    min: int | None
    max: int | None


Write: TypeAlias = "SetCount | SetBounds"


def sized_like(model: Capacity, *, percent: float, at_least: Wanted) -> Wanted:
    """The capacity that takes ``percent`` of what the model takes, and never less than ``at_least``.

    desired is that share of the model's current desired count, rounded up; min equals desired, so that the autoscaler
    does not take away what was sized; max is that share of the model's max, rounded up. A model without a scalable
    target says nothing about bounds: they are left alone. Raises `CanaryError` for a percent outside 0-100.
    """
    share = share_of_percent(percent, option="like.percent")
    desired = max(at_least.desired or 0, at_least.min or 0, _part(share, model.desired))
    if model.bounds is None:
        return Wanted(desired=desired)
    return Wanted(desired=desired, min=desired, max=max(at_least.max or 0, desired, _part(share, model.bounds.max)))


def _part(share: Fraction, count: int) -> int:
    """That share of a count, rounded up; exact, where floats make 7.000000000000001 of 7 % of 100 tasks."""
    return math.ceil(share * count)


def at_least(live: Capacity, wanted: Wanted) -> Wanted:
    """What is wanted, but for what is larger already; what is not asked for is not asked for here either."""

    def larger(asked: int | None, now: int | None) -> int | None:
        return asked if asked is None or now is None else max(asked, now)

    low, high = (live.bounds.min, live.bounds.max) if live.bounds else (None, None)
    return Wanted(larger(wanted.desired, live.desired), larger(wanted.min, low), larger(wanted.max, high))


def decide(before: Capacity, wanted: Wanted, *, service: str, grow: bool = False) -> Capacity:
    """The capacity after the change. Raises `CanaryError` for one that cannot be, with the numbers.

    Where bounds are asked for and a count is not, the count is brought within them, as the autoscaler would. A count
    that is only to ``grow``, and is as large as what is asked for, stays where it is: whoever set it beyond the bounds
    knew why.
    """
    bounds = _bounds_after(before.bounds, wanted, service)
    if wanted.desired is None:
        named = wanted.min is not None or wanted.max is not None
        return Capacity(bounds.nearest(before.desired) if named and bounds else before.desired, bounds)
    if wanted.desired < 0:
        raise CanaryError(f"desired is {wanted.desired}: a service runs zero tasks or more.", service=service)
    stays = grow and wanted.desired == before.desired and (wanted.min is None or wanted.desired >= wanted.min)
    if bounds and not bounds.hold(wanted.desired) and not stays:
        raise CanaryError(
            f"desired {wanted.desired} lies outside the bounds of service {service}, min {bounds.min} and max "
            f"{bounds.max}: its autoscaler would move it back. Give a count within them, or min and max with it.",
            service=service,
        )
    return Capacity(wanted.desired, bounds)


def _bounds_after(before: Bounds | None, wanted: Wanted, service: str) -> Bounds | None:
    """The bounds after the change; None stays None unless both bounds are given."""
    low = wanted.min if wanted.min is not None else before.min if before else None
    high = wanted.max if wanted.max is not None else before.max if before else None
    if low is None and high is None:
        return None
    if low is None or high is None:
        missing = "max" if high is None else "min"
        raise CanaryError(
            f"Service {service} has no scalable target: give {missing} too, and one is created with both.",
            service=service,
        )
    if low < 0:
        raise CanaryError(f"min is {low}: it is 0 or more.", service=service)
    if low > high:
        raise CanaryError(
            f"{_asked_bounds(wanted)} of service {service}: min {low} is above max {high}.", service=service
        )
    return Bounds(low, high)


def _asked_bounds(wanted: Wanted) -> str:
    """Which bounds were asked for, in words."""
    asked = [f"{name} {value}" for name, value in (("min", wanted.min), ("max", wanted.max)) if value is not None]
    return f"Cannot set {' and '.join(asked)}"


def writes(before: Capacity, after: Capacity) -> list[Write]:
    """The writes that lead from one capacity to the other, in an order the autoscaler never interferes with.

    The bounds are first made wide enough for both counts and narrowed last, so that at each moment the count lies
    within them, if it did before; and after each write the max is the larger of both, which tells a later run that was
    not let through what the count was for.
    """
    if after.desired == before.desired or after.bounds is None or before.bounds is None:
        count: list[Write] = [SetCount(after.desired)] if after.desired != before.desired else []
        return count + (_moved(before.bounds, after.bounds) if after.bounds else [])
    wide = Bounds(min(before.bounds.min, after.bounds.min), max(before.bounds.max, after.bounds.max))
    return [*_moved(before.bounds, wide), SetCount(after.desired), *_moved(wide, after.bounds)]


def _moved(before: Bounds | None, after: Bounds) -> list[Write]:
    """The write from some bounds, or none, to others, naming only those that change; no write where none does."""
    if before is None:
        return [SetBounds(after.min, after.max)]
    if before == after:
        return []
    return [
        SetBounds(
            min=after.min if after.min != before.min else None,
            max=after.max if after.max != before.max else None,
        )
    ]


SUSPENSIONS = {
    "DynamicScalingInSuspended": "scaling in",
    "DynamicScalingOutSuspended": "scaling out",
    "ScheduledScalingSuspended": "scheduled scaling",
}


def suspended(state: Mapping[str, bool]) -> list[str]:
    """What a scalable target's autoscaler is kept from, in words; empty where it is at work.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_SuspendedState.html
    """
    return [words for name, words in SUSPENSIONS.items() if state.get(name)]


def shows(seen: Capacity, *, before: Capacity, after: Capacity) -> bool:
    """Whether a reading shows the change.

    An autoscaler may have moved the count on meanwhile, within its bounds; a count that is still the old one is a
    reading from before the write, which AWS may give for a while.
    """
    if seen.bounds != after.bounds:
        return False
    if seen.desired == after.desired:
        return True
    return seen.bounds is not None and seen.bounds.hold(seen.desired) and seen.desired != before.desired
