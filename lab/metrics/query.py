# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datapoints out of published values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lab.metrics.distribution import Distribution, merged
from lab.metrics.expression import Points, evaluate

Published = tuple[float, Distribution]
"""Values and the start of their period, in seconds since the epoch."""

Read = Callable[[dict[str, Any], str | None], Iterable[Published]]
"""Finds the published values of a metric, as AWS shapes it (``Namespace``, ``MetricName``, ``Dimensions``), by unit."""


@dataclass(frozen=True)
class Window:
    """From ``start``, included, to ``end``, not included, in seconds since the epoch."""

    start: float
    end: float

    def rounded(self, period: int) -> Window:
        """The window as CloudWatch takes it: its start rounded down to the minute, or to a shorter period's division.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
        """
        division = min(period, 60)
        return Window(self.start // division * division, self.end)


def datapoints(published: Iterable[Published], window: Window, period: int) -> dict[float, Distribution]:
    """The values by the start of each ``period`` seconds of the window; a period without any is not there."""
    rounded = window.rounded(period)
    found: dict[float, list[Distribution]] = {}
    for at, values in published:
        if rounded.start <= at < rounded.end:
            start = rounded.start + (at - rounded.start) // period * period
            found.setdefault(start, []).append(values)
    return {start: merged(found[start]) for start in sorted(found)}


def statistics(published: Iterable[Published], window: Window, period: int, name: str) -> Points:
    """One statistic of each datapoint."""
    points = ((start, values.statistic(name)) for start, values in datapoints(published, window, period).items())
    return {start: value for start, value in points if value is not None}


def answers(queries: list[dict[str, Any]], window: Window, read: Read) -> dict[str, Points]:
    """The points of each MetricDataQuery by its id, those of expressions from those of the others.

    Raises ValueError for an expression that the lab does not know.
    """
    found: dict[str, Points] = {}
    for query in queries:
        if stat := query.get("MetricStat"):
            published = read(stat["Metric"], stat.get("Unit"))
            found[query["Id"]] = statistics(published, window, int(stat["Period"]), stat["Stat"])
    for query in queries:
        if expression := query.get("Expression"):
            found[query["Id"]] = evaluate(expression, found)
    return found
