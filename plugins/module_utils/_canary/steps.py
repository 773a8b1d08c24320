# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps: the way of the split from where it is to where it is wanted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import given, number, whole
from ansible_collections.canary.ecs.plugins.module_utils._canary.split import (
    Split,
    share_of_percent,
    split_of_weights,
)


@dataclass(frozen=True)
class Target:
    """The split that is wanted: the canary's exact share, 0 to 1, and the weights if they were given as such."""

    share: Fraction
    weights: Split | None = None

    @property
    def percent(self) -> float:
        """The canary's share in percent, rounded up to a step of 0.1."""
        return math.ceil(self.share * 1000) / 10

    def step(self) -> dict[str, Any]:
        """The last step, in the words of canary.ecs.ecs_canary_weights."""
        if self.weights is not None:
            return {"weights": {"stable": self.weights.stable, "canary": self.weights.canary}}
        return {"percent": self.percent}


def target_of(*, percent: Any = None, stable_weight: Any = None, canary_weight: Any = None) -> Target:
    """The target that the user named, by a percent or by both weights. Raises `CanaryError` for anything else."""
    percent, stable, canary = given(percent), given(stable_weight), given(canary_weight)
    by_weights = stable is not None or canary is not None
    if percent is not None and by_weights:
        raise CanaryError("Both percent and weights are given. Give one of them.")
    if percent is not None:
        return Target(share_of_percent(number(percent, "percent"), option="percent"))
    if stable is None or canary is None:
        missing = "" if not by_weights else " Both weights are needed: a weight means nothing by itself."
        raise CanaryError(
            "Say how much the canary is to take: percent=25, or stable_weight=75 and canary_weight=25." + missing
        )
    weights = split_of_weights(whole(stable, "stable_weight"), whole(canary, "canary_weight"))
    # None is the share of two zeros, which split_of_weights refuses.
    return Target(weights.share or Fraction(0), weights)


def steps_to(target: Target, *, live: Iterable[float | None], step: Any = None) -> list[dict[str, Any]]:
    """The splits to write one after the other; the last one is the target, and none is further than ``step`` percent
    from the one before.

    ``live`` holds the percent of each rule. Where they differ, the one furthest from the target sets the pace.
    Without ``step`` there is one step, also when the split is there already: writing it again changes nothing and
    reads it back. Raises `CanaryError` for a step that is not above 0 or not in steps of 0.1.
    """
    if given(step) is None:
        return [target.step()]
    stride = share_of_percent(number(step, "step"), option="step")
    if not stride:
        raise CanaryError("step is 0: the split would never arrive. Give a step above 0, or none.")
    shares = [Fraction(percent).limit_denominator(10**6) / 100 for percent in live if percent is not None]
    start = max(shares, key=lambda share: abs(target.share - share), default=target.share)
    return [{"percent": float(share * 100)} for share in _between(start, target.share, stride)] + [target.step()]


def guarded(steps: list[dict[str, Any]], *, live: Iterable[float | None]) -> list[dict[str, Any]]:
    """The steps, each on condition that the split is where the one before left it: two shifts at once never mix.

    The first one has no condition where the rules differ.
    """
    percents = set(live)
    start = percents.pop() if len(percents) == 1 else None
    before = [None if start is None else round(start, 1), *(step.get("percent") for step in steps[:-1])]
    return [
        step if percent is None else {**step, "from_percent": percent}
        for step, percent in zip(steps, before, strict=True)
    ]


def _between(start: Fraction, end: Fraction, stride: Fraction) -> list[Fraction]:
    """The shares strictly between, each ``stride`` from the one before, all in steps of 0.1 percent."""
    rising = start < end
    grid = Fraction(math.floor(start * 1000) if rising else math.ceil(start * 1000), 1000)
    count = max(0, math.ceil(abs(end - grid) / stride) - 1)
    return [grid + (stride if rising else -stride) * number for number in range(1, count + 1)]
