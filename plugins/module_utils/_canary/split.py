# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The split: how the weights of both groups on one rule divide the requests.

A weight is relative: a group's share is its weight over the sum, so 50/50 and 500/500 are one split.
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupTuple.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError

MAX_WEIGHT = 999

# In percent: half of the step that percents go in, and how far the percent of the facts is from the share at most.
HALF_STEP = Fraction(5, 100)
ROUNDED = Fraction(5, 10_000)


@dataclass(frozen=True)
class Split:
    """The weights of both groups on one rule, as AWS has them."""

    stable: int
    canary: int

    @property
    def share(self) -> Fraction | None:
        """The canary's share of the pair, 0 to 1, exact; None where both weights are 0, and no group has a share."""
        total = self.stable + self.canary
        return Fraction(self.canary, total) if total else None

    @property
    def percent(self) -> float | None:
        """The canary's share in percent, to three decimals; None where both weights are 0."""
        return None if self.share is None else round(float(self.share * 100), 3)

    def same_as(self, other: Split) -> bool:
        """Whether both divide the requests alike: the ratio counts, not the numbers."""
        return self.share == other.share

    def facts(self) -> dict[str, Any]:
        """The split as a module returns it."""
        return {"stable": self.stable, "canary": self.canary, "percent": self.percent}

    def __str__(self) -> str:
        share = "no share" if self.percent is None else f"{self.percent:g} %"
        return f"{share} canary ({self.stable}/{self.canary})"


def split_of_percent(percent: float | None) -> Split:
    """The weights that give the canary exactly this share: summing to 100 for a whole percent, else the smallest pair.

    25 is 75/25, 0.5 is 199/1, 0.1 is 999/1. Raises `CanaryError` outside 0-100 or between steps of 0.1.
    """
    share = share_of_percent(percent, option="percent")
    if (share * 100).denominator == 1:
        canary = int(share * 100)
        return Split(stable=100 - canary, canary=canary)
    return Split(stable=share.denominator - share.numerator, canary=share.numerator)


def share_of_percent(percent: float | None, *, option: str) -> Fraction:
    """A percent in steps of 0.1 as an exact share, 0 to 1; ``option`` names it in the error."""
    if percent is None:
        raise CanaryError(f"{option} is empty: give the canary's share as a number from 0 to 100.")
    if not math.isfinite(percent) or not 0 <= percent <= 100:
        raise CanaryError(f"{option} is {percent:g}: give the canary's share as a number from 0 to 100.")
    tenths = round(percent * 10)
    # The nearest float to a multiple of 0.1 is the number that the user wrote.
    if tenths / 10 != percent:
        raise CanaryError(
            f"{option} is {percent!r}: it goes in steps of 0.1, the finest that weights can hold exactly."
        )
    return Fraction(tenths, 1000)


def split_of_weights(stable: int, canary: int) -> Split:
    """The weights as given; raises `CanaryError` for one that AWS does not know, and for two zeros."""
    for name, weight in (("stable", stable), ("canary", canary)):
        if not 0 <= weight <= MAX_WEIGHT:
            raise CanaryError(f"weights.{name} is {weight}: a weight is a whole number from 0 to {MAX_WEIGHT}.")
    if stable == canary == 0:
        raise CanaryError("weights are both 0: no group would get any request. Give one of them a weight.")
    return Split(stable=stable, canary=canary)


def is_at(split: Split, percent: float) -> bool:
    """Whether a live split is at this percent, at the resolution of percents: 0.1.

    A split between two steps is at the one that its share, as facts have it, is rounded to: half a step away, and what
    the rounding to three decimals adds to that.
    """
    if split.share is None:
        return False
    return abs(split.share * 100 - Fraction(round(percent * 10), 10)) <= HALF_STEP + ROUNDED
