# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which call gets which fault. No clock, no I/O."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from lab.control.calls import Request

KINDS = ("throttle", "error", "reset-before", "reset-after", "latency", "stale", "hold-before", "hold-after")


@dataclass(frozen=True)
class Fault:
    """One fault, and which of the calls that match get it.

    ``operation`` and ``service`` are patterns (``Modify*``, ``ecs``). ``calls`` are numbers of matching calls, from 1
    and from the time the fault was set; ``share`` is the part of them, 0 to 1, where no numbers are given.
    ``seconds`` is the delay of ``latency``. A held call waits, before or after it takes effect, until the faults are
    taken away or its client hangs up.
    """

    kind: str
    operation: str = "*"
    service: str = "*"
    calls: tuple[int, ...] = ()
    share: float = 1.0
    seconds: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.kind not in KINDS:
            raise ValueError(f"'{self.kind}' is no fault: use one of {', '.join(KINDS)}")
        if not 0 <= self.share <= 1:
            raise ValueError(f"a share is 0 to 1, not {self.share}")

    def matches(self, request: Request) -> bool:
        """Whether a request is one that this fault is about."""
        return fnmatchcase(request.operation, self.operation) and fnmatchcase(request.service, self.service)


def fault_of(data: dict[str, Any]) -> Fault:
    """A fault from its JSON form. Raises ValueError for what is not one."""
    try:
        return Fault(**{**data, "calls": tuple(int(number) for number in data.get("calls", ()))})
    except TypeError as error:
        raise ValueError(str(error)) from error


@dataclass
class Standing:
    """A fault that is set: how many matching calls it has seen, how many it hit, how many it holds right now."""

    fault: Fault
    seen: int = 0
    hits: int = 0
    held: int = 0

    def facts(self) -> dict[str, Any]:
        """The fault and what became of it, as data."""
        return {**asdict(self.fault), "hits": self.hits, "held": self.held}


class FaultSet:
    """The faults that are set, in order; the first that chooses a call has it. ``seed`` fixes what shares choose."""

    def __init__(self, seed: int = 1) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._standing: list[Standing] = []

    @property
    def faults(self) -> list[Fault]:
        """What is set."""
        with self._lock:
            return [standing.fault for standing in self._standing]

    def facts(self) -> list[dict[str, Any]]:
        """What is set, and what became of each, as data."""
        with self._lock:
            return [standing.facts() for standing in self._standing]

    def add(self, fault: Fault) -> None:
        """Set one more fault; its matching calls are counted from now."""
        with self._lock:
            self._standing.append(Standing(fault))

    def clear(self) -> None:
        """Take all faults away, and let go of the calls that they hold."""
        with self._lock:
            self._standing.clear()

    def choose(self, request: Request) -> Fault | None:
        """The fault for a request, or None."""
        with self._lock:
            chosen = None
            for standing in self._standing:
                fault = standing.fault
                if not fault.matches(request):
                    continue
                standing.seen += 1
                hit = standing.seen in fault.calls if fault.calls else self._random.random() < fault.share
                if hit and chosen is None:
                    chosen = fault
                    standing.hits += 1
            return chosen

    @contextmanager
    def holding(self, fault: Fault) -> Iterator[None]:
        """Count a call as held by a fault for as long as the context lasts."""
        with self._lock:
            standing = next((each for each in self._standing if each.fault == fault), Standing(fault))
            standing.held += 1
        try:
            yield
        finally:
            with self._lock:
                standing.held -= 1
