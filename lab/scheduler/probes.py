# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health-check probes: one HTTP request to a target, in a small pool of threads."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

WORKERS = 4


@dataclass(frozen=True)
class HealthCheck:
    """A target group's health check. Times are in seconds; ``port`` is None for the target's own port."""

    path: str = "/"
    port: int | None = None
    interval: int = 30
    timeout: int = 5
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2
    matcher: str = "200"
    enabled: bool = True


@dataclass(frozen=True)
class Finding:
    """What one probe found, with AWS's reason code and words where it failed.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
    """

    passed: bool
    reason: str = ""
    description: str = ""


Probe = Callable[[str, int, HealthCheck], Finding]


def matches(status: int, matcher: str) -> bool:
    """Whether an HTTP status is in a matcher: ``200``, ``200,202``, ``200-299``."""
    for part in matcher.split(","):
        low, _dash, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


def http_probe(address: str, port: int, check: HealthCheck) -> Finding:
    """GET the check's path from the target itself."""
    connection = HTTPConnection(address, check.port or port, timeout=check.timeout)
    try:
        connection.request("GET", check.path, headers={"User-Agent": "ELB-HealthChecker/2.0", "Connection": "close"})
        status = connection.getresponse().status
    except TimeoutError:
        return Finding(passed=False, reason="Target.Timeout", description="Request timed out")
    except (OSError, HTTPException):
        return Finding(passed=False, reason="Target.FailedHealthChecks", description="Health checks failed")
    finally:
        connection.close()
    if matches(status, check.matcher):
        return Finding(passed=True)
    words = f"Health checks failed with these codes: [{status}]"
    return Finding(passed=False, reason="Target.ResponseCodeMismatch", description=words)


class Probes:
    """Sends probes and collects what they found. With ``workers`` 0 a probe runs at once, in the caller's thread."""

    def __init__(self, probe: Probe = http_probe, *, workers: int = WORKERS) -> None:
        self._probe = probe
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="probe") if workers else None
        self._found: queue.SimpleQueue[tuple[str, str, int, Finding]] = queue.SimpleQueue()

    def send(self, group: str, address: str, port: int, check: HealthCheck) -> None:
        """Send one probe; its outcome comes back from `finished`."""
        if self._pool is None:
            self._run(group, address, port, check)
        else:
            self._pool.submit(self._run, group, address, port, check)

    def finished(self) -> list[tuple[str, str, int, Finding]]:
        """The outcomes since the last call: group, address, port and finding."""
        return [self._found.get_nowait() for _turn in range(self._found.qsize())]

    def stop(self) -> None:
        """Send no more."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, group: str, address: str, port: int, check: HealthCheck) -> None:
        self._found.put((group, address, port, self._probe(address, port, check)))
