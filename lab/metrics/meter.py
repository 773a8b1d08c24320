# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers values by metric and period, until the period is over. Pure: the caller says what time it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.metrics.distribution import Distribution


@dataclass(frozen=True)
class Series:
    """One metric: a name with dimensions, each a pair of name and value, in their order at AWS."""

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str


class Meter:
    """Values of periods that are not over yet. ``period`` is in seconds; periods are aligned to the epoch."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._open: dict[float, dict[Series, Distribution]] = {}

    def add(self, series: Series, value: float, *, at: float) -> None:
        """Take in a value of the moment ``at``, in seconds since the epoch. A late one opens its period again."""
        start = at // self._period * self._period
        self._open.setdefault(start, {}).setdefault(series, Distribution()).add(value)

    def close(self, *, until: float) -> Iterator[tuple[float, Series, Distribution]]:
        """Give away the periods that ended by ``until``: each with its start, its metrics and their values."""
        for start in sorted(self._open):
            if start + self._period <= until:
                yield from ((start, *found) for found in self._open.pop(start).items())
