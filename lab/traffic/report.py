# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients saw: single requests, and their summary by version. Pure.

Times are monotonic seconds (`time.monotonic`), which all processes of a machine share; latencies are seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

UNKNOWN = "?"
"""The version of a request that no version answered."""


@dataclass(frozen=True)
class Sample:
    """One request: when it was sent, who answered, with which status (None without a response), why it failed."""

    sent: float
    version: str
    status: int | None
    reason: str
    latency: float

    @property
    def failed(self) -> bool:
        """Whether it failed: no response in time, a broken connection, or a status from 500 up."""
        return self.status is None or self.status >= 500


@dataclass(frozen=True)
class VersionReport:
    """The requests that one version answered. ``share`` is its percentage of all requests."""

    version: str
    requests: int
    share: float
    failed: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Report:
    """The requests sent from ``since`` to ``until``."""

    since: float
    until: float
    requests: int
    failures: tuple[Sample, ...]
    versions: dict[str, VersionReport]

    @property
    def failed(self) -> int:
        """How many requests failed."""
        return len(self.failures)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / max(self.until - self.since, 1e-9)

    def share(self, version: str) -> float:
        """The percentage of all requests that ``version`` answered; 0 when it answered none."""
        found = self.versions.get(version)
        return found.share if found else 0.0

    def __str__(self) -> str:
        return "\n".join([_headline(self), *_table(self.versions.values()), *_failure_lines(self)])


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` per cent of the ordered values do not exceed; 0 of none."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


def summarise(samples: Iterable[Sample], *, since: float, until: float) -> Report:
    """The report of the requests that were sent from ``since`` (included) to ``until`` (not included)."""
    window = [sample for sample in samples if since <= sample.sent < until]
    names = sorted({sample.version for sample in window})
    return Report(
        since=since,
        until=until,
        requests=len(window),
        failures=tuple(sample for sample in window if sample.failed),
        versions={
            name: _version([sample for sample in window if sample.version == name], len(window)) for name in names
        },
    )


def _version(samples: Sequence[Sample], total: int) -> VersionReport:
    """The summary of one version's requests, of which there is at least one, among ``total``."""
    latencies = sorted(sample.latency for sample in samples)
    return VersionReport(
        version=samples[0].version,
        requests=len(samples),
        share=100 * len(samples) / total,
        failed=sum(sample.failed for sample in samples),
        p50=percentile(latencies, 50),
        p95=percentile(latencies, 95),
        p99=percentile(latencies, 99),
    )


def _headline(report: Report) -> str:
    seconds = report.until - report.since
    return f"{report.requests} requests in {seconds:.1f} s ({report.rate:.0f}/s), {report.failed} failed"


def _table(versions: Iterable[VersionReport]) -> list[str]:
    """One line a version, under a heading."""
    heading = f"{'version':<20} {'requests':>8} {'share':>7} {'failed':>6} {'p50':>8} {'p95':>8} {'p99':>8}"
    return [heading] + [
        f"{found.version:<20} {found.requests:>8} {found.share:>6.1f}% {found.failed:>6}"
        f" {_milliseconds(found.p50)} {_milliseconds(found.p95)} {_milliseconds(found.p99)}"
        for found in versions
    ]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:>5.1f} ms"


def _failure_lines(report: Report, at_most: int = 5) -> list[str]:
    """The first failures, each with its time from the beginning of the window."""
    lines = [
        f"failed at +{sample.sent - report.since:.2f} s: {sample.reason} (version {sample.version})"
        for sample in report.failures[:at_most]
    ]
    rest = report.failed - len(lines)
    return [*lines, f"and {rest} more"] if rest > 0 else lines
