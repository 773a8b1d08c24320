# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizing: how many tasks each service needs for the share of the requests that it takes or is about to take.

A service that takes less has been scaled in, so its count says little of the whole load; these decisions read the
load off both services.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.capacity import Bounds, Capacity, Wanted, sized_like


@dataclass(frozen=True)
class Pair:
    """Both services as they are: their capacity, the canary's share of the requests, its resting count."""

    stable: Capacity
    canary: Capacity
    share: Fraction
    resting: int

    @property
    def whole_load(self) -> int:
        """The tasks that the whole load needs; where that can be told in two ways, the larger number.

        That is stable's count, unless the canary has more tasks than its share of that count and more than it rests
        with: then stable has been scaled in, or the canary out, and what the counts and shares of both allow is
        taken. Never more than stable's max, which is what its owner lets the whole load have. A canary at its min that
        is sized as stable is for a larger share has that size from a flow, and says nothing of the load. Where stable
        has no task at all, the canary's tell, and one is the least.
        """
        stable, canary, share = self.stable.desired, self.canary.desired, self.share
        if share and not stable:
            return self._within_stable(max(1, canary if canary <= self.resting else math.ceil(canary / share)))
        sized = self.canary.bounds is not None and self.canary.bounds.min == canary and self.sized_as_stable
        if not share or sized or canary <= max(self.resting, math.ceil(share * stable)):
            return stable
        load = math.ceil(canary / share)
        if share < 1:
            load = min(load, math.ceil(stable / (1 - share)))
        return max(stable, self._within_stable(load))

    def _within_stable(self, load: int) -> int:
        return min(load, self.stable.bounds.max) if self.stable.bounds else load

    @property
    def sized_as_stable(self) -> bool:
        """Whether the canary has no more tasks, of stable's count, than its max has of stable's max.

        So it is sized for a share, be it one that it does not take: a shift that was cut off before it moved the
        traffic up, or after it moved it down, leaves that.
        """
        stable, canary = self.stable.bounds, self.canary.bounds
        if stable is None or canary is None or not stable.max:
            return False
        part = min(Fraction(1), Fraction(canary.max, stable.max))
        return self.canary.desired <= max(self.resting, math.ceil(part * self.stable.desired))


def capacity_of(service: Mapping[str, Any]) -> Capacity:
    """The capacity of a service as canary.ecs.ecs_canary_info returns it."""
    low, high = service.get("min"), service.get("max")
    return Capacity(service["desired"], None if low is None or high is None else Bounds(low, high))


def canary_for(pair: Pair, percent: float, *, at_least: Wanted) -> Wanted:
    """The capacity with which the canary takes ``percent`` of the whole load, as ``like`` sizes it."""
    load = pair.stable.desired if pair.sized_as_stable else pair.whole_load
    model = Capacity(load, pair.stable.bounds)
    wanted = sized_like(model, percent=percent, at_least=at_least)
    if pair.canary.bounds is None:
        # It does not get a scalable target: its owner has given it none.
        return Wanted(desired=wanted.desired)
    if wanted.min is not None or wanted.desired is None:
        return wanted
    # Stable says nothing of bounds: the canary keeps its own, made wide enough for the count.
    bounds = pair.canary.bounds
    return Wanted(wanted.desired, min=min(bounds.min, wanted.desired), max=max(bounds.max, wanted.desired))


def at_least_as(capacity: Capacity, wanted: Wanted) -> Wanted:
    """What is wanted, but no task fewer than now: a canary that is about to take more is never scaled in."""
    desired = max(capacity.desired, wanted.desired or 0)
    return Wanted(desired, min=wanted.min, max=None if wanted.max is None else max(wanted.max, desired))


def stable_for(pair: Pair, share: Fraction) -> int:
    """The tasks that stable needs to take this share of the whole load; never fewer than it has."""
    return max(pair.stable.desired, math.ceil(share * pair.whole_load))


def parked(canary: Capacity, rest: Wanted) -> Wanted:
    """The capacity at rest; a canary without a scalable target does not get one."""
    return rest if canary.bounds else Wanted(desired=rest.desired)


def as_options(wanted: Wanted) -> dict[str, int]:
    """What is wanted, in the words of canary.ecs.ecs_service_capacity; what is left alone is left out."""
    return {name: value for name, value in asdict(wanted).items() if value is not None}
