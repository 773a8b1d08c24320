# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait on a real condition: read, ask, read again; never on a fixed sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError

T = TypeVar("T")

POLL_SECONDS = 2.0


def poll_until(
    read: Callable[[], T],
    satisfied: Callable[[T], bool],
    *,
    timeout: float,
    gave_up: Callable[[T], CanaryError],
    interval: float = POLL_SECONDS,
) -> T:
    """Read until what was read satisfies, and return it.

    ``satisfied`` may raise to end the wait early. After ``timeout`` seconds the last reading goes to ``gave_up``,
    which makes the error: it says what was waited for and how far it came. Reads at least once, also at timeout 0.
    """
    deadline = time.monotonic() + timeout
    while True:
        seen = read()
        if satisfied(seen):
            return seen
        left = deadline - time.monotonic()
        if left <= 0:
            raise gave_up(seen)
        time.sleep(min(interval, left))
