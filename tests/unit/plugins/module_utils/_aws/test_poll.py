# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import PROGRESS, poll_until
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError


def count_to(three: int, *, timeout: float = 60, begun: float | None = None) -> int:
    """Poll a counter until it is at three, or the time is over."""
    numbers = iter(range(1, three + 1))
    return poll_until(
        lambda: next(numbers),
        lambda number: number == 3,
        timeout=timeout,
        gave_up=lambda number: CanaryError(f"came to {number}"),
        waiting=lambda number: f"{number} of 3\nhealthy",
        interval=0,
        begun=begun,
    )


def test_what_is_waited_for_is_told_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "progress"
    monkeypatch.setenv(PROGRESS, str(told))
    assert count_to(3) == 3
    assert told.read_text().splitlines() == ["1 of 3 healthy (0 s of 60 s)", "2 of 3 healthy (0 s of 60 s)"]


def test_a_wait_that_is_a_part_of_another_counts_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "progress"
    monkeypatch.setenv(PROGRESS, str(told))
    assert count_to(3, begun=time.monotonic() - 20) == 3
    assert told.read_text().startswith("1 of 3 healthy (20 s of 60 s)")
    with pytest.raises(CanaryError, match="came to 1"):
        count_to(3, begun=time.monotonic() - 61)


def test_a_wait_ends_as_well_where_nothing_can_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROGRESS, str(tmp_path))
    assert count_to(3) == 3
    monkeypatch.delenv(PROGRESS)
    assert count_to(3) == 3


def test_the_last_reading_makes_the_error() -> None:
    with pytest.raises(CanaryError, match="came to 1"):
        count_to(3, timeout=0)
