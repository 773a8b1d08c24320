# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The generator in a process of its own (``python -m lab.traffic``), and what it reports."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self

from lab.checkout import CHECKOUT
from lab.tied import tied
from lab.traffic.report import Report, Sample, summarise

TIMEOUT = 10.0


class TrafficEnded(Exception):
    """The generator's process ended by itself."""


class Traffic:
    """Requests of ``url`` at ``rate`` a second, from `start` to `stop`, in a process that dies with this one.

    ``visitors``: as many clients as take turns and keep their cookies; 0 for a new one, without cookies, each time.
    """

    def __init__(self, url: str, *, rate: float = 200, timeout: float = TIMEOUT, visitors: int = 0) -> None:
        self._command = [sys.executable, "-m", "lab.traffic", url, str(rate), str(timeout), str(visitors)]
        self._timeout = timeout
        self._samples: list[Sample] = []
        self._settled = threading.Condition()
        self._settled_at = 0.0
        self._ended = False
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and return when the first request has ended. It dies with the thread that calls this (`lab.tied`)."""
        self._process = subprocess.Popen(
            tied(self._command), cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        try:
            self._wait(lambda: bool(self._samples), self._timeout + 10)
        except TrafficEnded:
            self.stop()
            raise

    def stop(self) -> None:
        """Send no more, and end when the requests in flight have ended."""
        if self._process is None or self._reader is None:
            return
        self._process.terminate()
        self._reader.join(self._timeout + 5)
        self._process.kill()
        self._process.wait()

    def mark(self) -> float:
        """This moment, for `report`."""
        return time.monotonic()

    def report(self, *, since: float, until: float | None = None) -> Report:
        """What became of the requests sent from ``since`` to ``until`` (now). Waits until all of them have ended.

        Raises:
            TrafficEnded: the generator died before ``until``.
        """
        end = time.monotonic() if until is None else until
        self._wait(lambda: self._settled_at >= end, self._timeout + 10)
        return summarise(tuple(self._samples), since=since, until=end)

    def window(self, seconds: float) -> Report:
        """Watch for ``seconds`` from now, and report."""
        begin = self.mark()
        time.sleep(seconds)
        return self.report(since=begin, until=begin + seconds)

    def _wait(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait for something that the reading thread brings about."""
        with self._settled:
            self._settled.wait_for(lambda: condition() or self._ended, timeout)
            if not condition():
                raise TrafficEnded("the load generator ended" if self._ended else "the load generator reports nothing")

    def _read(self, lines: IO[str]) -> None:
        """Take in what the process reports, until it ends."""
        for line in lines:
            value = json.loads(line)
            with self._settled:
                if isinstance(value, list):
                    self._samples.append(Sample(*value))
                else:
                    self._settled_at = value
                self._settled.notify_all()
        with self._settled:
            self._ended = True
            self._settled.notify_all()
