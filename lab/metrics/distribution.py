# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of values as CloudWatch keeps it: count, sum, minimum and maximum exact, percentiles nearly so. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

DIGITS = 3
"""Significant digits of the values that percentiles are taken of, so that a busy minute is a few hundred numbers."""

PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")


@dataclass
class Distribution:
    """The values that one metric had in one period. ``values`` is empty where only a summary of them is known."""

    count: float = 0
    total: float = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    values: Counter[float] = field(default_factory=Counter)

    def add(self, value: float) -> None:
        """Take in one value."""
        self.count += 1
        self.total += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        self.values[float(f"{value:.{DIGITS}g}")] += 1

    def statistic(self, name: str) -> float | None:
        """A statistic by CloudWatch's name for it (``Sum``, ``p99``); None where it cannot be told from a summary."""
        if name == "Average":
            return self.total / self.count
        if found := PERCENTILE.fullmatch(name):
            return self._percentile(float(found[1]))
        known = {"Sum": self.total, "SampleCount": self.count, "Minimum": self.minimum, "Maximum": self.maximum}
        return known.get(name)

    def _percentile(self, percent: float) -> float | None:
        """The smallest value that at least ``percent`` per cent of the values do not exceed."""
        if not self.values:
            return self.minimum if self.minimum == self.maximum else None
        rank, passed = max(1, math.ceil(self.count * percent / 100)), 0
        for value, times in sorted(self.values.items()):
            passed += times
            if passed >= rank:
                return value
        return self.maximum


def merged(parts: Iterable[Distribution]) -> Distribution:
    """The values of several sets in one; a summary among them makes it a summary."""
    found = list(parts)
    whole = all(part.values for part in found)
    return Distribution(
        count=sum(part.count for part in found),
        total=sum(part.total for part in found),
        minimum=min((part.minimum for part in found), default=math.inf),
        maximum=max((part.maximum for part in found), default=-math.inf),
        values=sum((part.values for part in found), Counter[float]()) if whole else Counter(),
    )
