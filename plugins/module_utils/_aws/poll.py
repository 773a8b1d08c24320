# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait on a real condition: read, ask, read again; never on a fixed sleep."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError

T = TypeVar("T")

POLL_SECONDS = 2.0

# The environment variable that names the file in which somebody reads what is waited for, line by line. Ansible shows
# nothing of a module before its end, so the action plugins of these modules read that file, and show it.
PROGRESS = "CANARY_ECS_PROGRESS"


def poll_until(
    read: Callable[[], T],
    satisfied: Callable[[T], bool],
    *,
    timeout: float,
    gave_up: Callable[[T], CanaryError],
    waiting: Callable[[T], str] | None = None,
    interval: float = POLL_SECONDS,
    begun: float | None = None,
) -> T:
    """Read until what was read satisfies, and return it.

    ``satisfied`` may raise to end the wait early. After ``timeout`` seconds the last reading goes to ``gave_up``,
    which makes the error: it says what was waited for and how far it came. Reads at least once, also at timeout 0.
    ``waiting`` says the same of a reading in the middle, for whoever looks on.
    The time counts from ``begun`` (`time.monotonic`) where the wait is a part of something that began before.
    """
    deadline = (time.monotonic() if begun is None else begun) + timeout
    while True:
        seen = read()
        if satisfied(seen):
            return seen
        left = deadline - time.monotonic()
        if left <= 0:
            raise gave_up(seen)
        if waiting:
            _tell(f"{waiting(seen)} ({timeout - left:.0f} s of {timeout:.0f} s)")
        time.sleep(min(interval, left))


def read_for(read: Callable[[], T], satisfied: Callable[[T], bool], *, timeout: float, interval: float) -> T:
    """Read until what was read satisfies, or the time is over: the last reading, whichever it is."""
    deadline = time.monotonic() + timeout
    while True:
        seen = read()
        left = deadline - time.monotonic()
        if satisfied(seen) or left <= 0:
            return seen
        time.sleep(min(interval, left))


def _tell(line: str) -> None:
    """Tell whoever looks on. Nothing depends on it, so a file that cannot be written is no reason to fail."""
    if path := os.environ.get(PROGRESS):
        with suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
            file.write(line.replace("\n", " ") + "\n")
