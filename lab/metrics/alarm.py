# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of an alarm, from the last datapoints of what it watches. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"

MORE = 2
"""Periods before those to evaluate that an alarm looks at as well, where some of those have no datapoint."""

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True)
class Condition:
    """When an alarm goes off: ``needed`` of ``periods`` datapoints beyond the threshold.

    ``missing`` is AWS's word for what a period without a datapoint counts as.
    """

    comparison: str
    threshold: float
    periods: int
    needed: int
    missing: str = "missing"

    @property
    def looked_at(self) -> int:
        """How many periods the alarm looks at."""
        return self.periods + MORE

    def breached(self, value: float) -> bool:
        """Whether a value is beyond the threshold."""
        return COMPARISONS[self.comparison](value, self.threshold)


def judge(condition: Condition, points: Sequence[float | None], state: str) -> str:
    """The state after ``state``. ``points`` are the periods' values, oldest first, None where there is none.

    Where there are enough datapoints, missing ones do not count, as old as the others may be. Where there are not, they
    count as the alarm is set to. Left as missing, breaching ones alone only make an alarm once the oldest of them is as
    many periods old as it takes datapoints to alarm: a first one does not.
    """
    known = [condition.breached(point) for point in points if point is not None]
    counted = known[-condition.periods :]
    lacking = condition.periods - len(counted)
    breaching = sum(counted)
    if condition.missing == "breaching":
        breaching += lacking
    if breaching >= condition.needed:
        return ALARM
    if lacking == 0 or not all(counted) or condition.missing in ("breaching", "notBreaching"):
        return OK
    if condition.missing == "ignore":
        return state
    if not counted:
        return INSUFFICIENT
    oldest = next(number for number, point in enumerate(points) if point is not None)
    return ALARM if len(points) - oldest >= condition.needed else state
