# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A named pipe that Envoy writes a line into for each request: nothing is left on a disk, and nothing grows."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

SIZE = 1 << 20
"""Bytes that wait unread: some ten thousand lines, more than a lab's load balancer writes while nobody reads."""


class RequestPipe:
    """The reading end. Open it before Envoy starts, which then finds a reader and does not wait for one."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path, 0o600)
        # Open for writing too, so that the pipe has no end when Envoy has gone.
        self._end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self._end, fcntl.F_SETPIPE_SZ, SIZE)
        self._rest = b""

    def lines(self) -> list[str]:
        """The lines that have come since."""
        read = self._rest
        while True:
            try:
                read += os.read(self._end, SIZE)
            except BlockingIOError:
                break
        whole, _newline, self._rest = read.rpartition(b"\n")
        return whole.decode("utf-8", "replace").splitlines() if whole else []

    def close(self) -> None:
        """Let go of it."""
        os.close(self._end)
