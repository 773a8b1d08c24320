# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of a rollout."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.scheduler.rollout import Count, Step, breaker_threshold, next_step


def step(desired: int, new: tuple[int, int], old: tuple[int, int], bounds: tuple[int, int] = (100, 200)) -> Step:
    return next_step(
        desired,
        primary=Count(*new),
        old=Count(*old),
        minimum_healthy_percent=bounds[0],
        maximum_percent=bounds[1],
    )


@pytest.mark.parametrize(
    ("desired", "new", "old", "bounds", "expected"),
    [
        (2, (0, 0), (0, 0), (100, 200), Step(start=2)),
        (2, (0, 0), (2, 0), (100, 200), Step(start=2)),
        (2, (0, 2), (2, 0), (100, 200), Step()),
        (2, (1, 1), (2, 0), (100, 200), Step(stop_old_healthy=1)),
        (2, (2, 0), (2, 0), (100, 200), Step(stop_old_healthy=2)),
        (4, (0, 0), (4, 0), (100, 150), Step(start=2)),
        (4, (0, 0), (4, 0), (50, 100), Step(stop_old_healthy=2)),
        (4, (0, 0), (2, 0), (50, 100), Step(start=2)),
        (1, (0, 0), (1, 0), (100, 100), Step()),
        (2, (5, 0), (0, 0), (100, 200), Step(stop_primary=3)),
        (0, (0, 0), (3, 1), (100, 200), Step(stop_old_healthy=3, stop_old_other=1)),
    ],
)
def test_steps(
    desired: int, new: tuple[int, int], old: tuple[int, int], bounds: tuple[int, int], expected: Step
) -> None:
    assert step(desired, new, old, bounds) == expected


counts = st.tuples(st.integers(0, 12), st.integers(0, 12))


@given(st.integers(0, 12), counts, counts, st.integers(0, 100), st.integers(100, 300))
def test_a_step_keeps_to_its_bounds(
    desired: int, new: tuple[int, int], old: tuple[int, int], minimum: int, maximum: int
) -> None:
    found = step(desired, new, old, (minimum, maximum))
    if found.start:
        assert sum(new) + sum(old) + found.start <= desired * maximum // 100
        assert sum(new) + found.start <= desired
    if found.stop_old_healthy:
        assert (new[0] + old[0] - found.stop_old_healthy) * 100 >= desired * minimum
    assert found.stop_old_healthy <= old[0]
    assert found.stop_primary <= sum(new)


@given(st.integers(1, 12), st.integers(0, 100), st.integers(100, 300))
def test_a_rollout_whose_tasks_become_healthy_ends(desired: int, minimum: int, maximum: int) -> None:
    new, old = 0, desired
    for _turn in range(100):
        found = step(desired, (new, 0), (old, 0), (minimum, maximum))
        new, old = new + found.start, old - found.stop_old_healthy
    stuck = desired * maximum // 100 == desired and -(-desired * minimum // 100) == desired
    assert (new, old) == ((0, desired) if stuck else (desired, 0))


@pytest.mark.parametrize(("desired", "threshold"), [(0, 3), (1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (4000, 200)])
def test_the_breakers_threshold(desired: int, threshold: int) -> None:
    assert breaker_threshold(desired) == threshold
