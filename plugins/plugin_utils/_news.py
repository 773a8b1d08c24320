# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lines of a wait are worth being shown."""

from __future__ import annotations

# Seconds between two lines that say the same.
PATIENCE = 15.0


class News:
    """Which of the lines of a growing file are worth being shown: others than the last one, and that one in time."""

    def __init__(self) -> None:
        self._shown = ""
        self._at = float("-inf")

    def of(self, text: str, *, now: float) -> str:
        """The last whole line, or nothing where it is no news. ``now`` is in seconds."""
        whole = text[: text.rfind("\n") + 1].splitlines()
        if not whole:
            return ""
        said = whole[-1].rpartition(" (")[0]
        if said == self._shown and now - self._at < PATIENCE:
            return ""
        self._shown, self._at = said, now
        return whole[-1]
