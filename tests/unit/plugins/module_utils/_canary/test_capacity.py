# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.capacity import (
    Bounds,
    Capacity,
    SetBounds,
    SetCount,
    Wanted,
    Write,
    at_least,
    decide,
    shows,
    sized_like,
    suspended,
    writes,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from hypothesis import given
from hypothesis import strategies as st

LEAST = Wanted(desired=2, min=2, max=4)

counts = st.integers(0, 40)
bounds = st.tuples(counts, counts).map(lambda pair: Bounds(min(pair), max(pair)))
tenths = st.integers(0, 1000)


@st.composite
def within(draw: st.DrawFn) -> Capacity:
    """A capacity whose count lies within its bounds."""
    limits = draw(bounds)
    return Capacity(draw(st.integers(limits.min, limits.max)), limits)


capacities = st.one_of(within(), st.builds(Capacity, counts, st.none()))


@pytest.mark.parametrize(
    ("percent", "model", "expected"),
    [
        pytest.param(10, Capacity(30, Bounds(10, 60)), Wanted(3, 3, 6), id="10 % of 30 is 3, not 4"),
        pytest.param(10, Capacity(31, Bounds(10, 61)), Wanted(4, 4, 7), id="a part of a task is a task"),
        pytest.param(7, Capacity(100, Bounds(0, 200)), Wanted(7, 7, 14), id="floats make 7.000000000000001 of it"),
        pytest.param(0.1, Capacity(10, Bounds(4, 30)), Wanted(2, 2, 4), id="never less than 2, 2, 4"),
        pytest.param(0, Capacity(10, Bounds(4, 30)), Wanted(2, 2, 4), id="0 % too"),
        pytest.param(100, Capacity(10, Bounds(4, 30)), Wanted(10, 10, 30), id="all of it"),
        pytest.param(50, Capacity(10, None), Wanted(5), id="no scalable target: the count alone"),
        pytest.param(100, Capacity(50, Bounds(4, 30)), Wanted(50, 50, 50), id="a count above its own max"),
    ],
)
def test_sizes_like_another_service(percent: float, model: Capacity, expected: Wanted) -> None:
    assert sized_like(model, percent=percent, at_least=LEAST) == expected


@pytest.mark.parametrize("percent", [-0.1, 100.1, float("nan"), 12.34])
def test_a_share_that_is_none_is_refused(percent: float) -> None:
    with pytest.raises(CanaryError, match=r"like\.percent"):
        sized_like(Capacity(10, None), percent=percent, at_least=LEAST)


@given(tenths, within(), st.builds(Wanted, counts, counts, counts))
def test_a_sized_capacity_is_enough_and_no_task_more(tenths: int, model: Capacity, least: Wanted) -> None:
    wanted = sized_like(model, percent=tenths / 10, at_least=least)
    assert wanted.desired is not None and wanted.max is not None
    assert wanted.desired * 1000 >= tenths * model.desired
    assert wanted.desired == max(least.desired or 0, least.min or 0) or (wanted.desired - 1) * 1000 < tenths * (
        model.desired
    )
    assert wanted.min == wanted.desired <= wanted.max


@given(capacities, st.builds(Wanted, *[st.none() | counts] * 3))
def test_what_is_not_asked_for_stays(before: Capacity, wanted: Wanted) -> None:
    try:
        after = decide(before, wanted, service="cart")
    except CanaryError:
        return
    if wanted.min is None and wanted.max is None:
        assert after.bounds == before.bounds
        assert after.desired == (before.desired if wanted.desired is None else wanted.desired)
    if before.bounds and after.bounds:
        assert wanted.min is not None or after.bounds.min == before.bounds.min
        assert wanted.max is not None or after.bounds.max == before.bounds.max
    if wanted.desired is None:
        assert after.desired == before.desired or (after.bounds and not after.bounds.hold(before.desired))


@given(capacities, st.builds(Wanted, *[st.none() | st.integers(-3, 40)] * 3))
def test_no_capacity_is_decided_that_the_autoscaler_would_undo(before: Capacity, wanted: Wanted) -> None:
    try:
        after = decide(before, wanted, service="cart")
    except CanaryError as error:
        assert "cart" in str(error) or " is -" in str(error)
        return
    assert after.desired >= 0
    assert after.bounds is None or 0 <= after.bounds.min <= after.bounds.max
    assert after.bounds is None or after.bounds.hold(after.desired)


@given(capacities, st.builds(Wanted, *[st.none() | counts] * 3))
def test_deciding_again_on_the_result_changes_nothing(before: Capacity, wanted: Wanted) -> None:
    try:
        after = decide(before, wanted, service="cart")
    except CanaryError:
        return
    assert decide(after, wanted, service="cart") == after
    assert writes(after, after) == []


def made(capacity: Capacity, write: Write) -> Capacity:
    """What one write leaves, in AWS: RegisterScalableTarget updates only what is sent."""
    if isinstance(write, SetCount):
        return replace(capacity, desired=write.desired)
    if capacity.bounds is None:
        assert write.min is not None and write.max is not None, "a new scalable target needs both bounds"
        return replace(capacity, bounds=Bounds(write.min, write.max))
    low = capacity.bounds.min if write.min is None else write.min
    high = capacity.bounds.max if write.max is None else write.max
    assert low <= high, "AWS refuses a min above the max"
    return replace(capacity, bounds=Bounds(low, high))


@given(capacities, within())
def test_the_count_lies_within_the_bounds_after_every_step(before: Capacity, after: Capacity) -> None:
    capacity = before
    for write in writes(before, after):
        capacity = made(capacity, write)
        assert capacity.bounds is None or capacity.bounds.hold(capacity.desired)
    assert capacity == after


@given(counts, bounds, within())
def test_a_count_out_of_bounds_is_led_in_all_the_same(count: int, limits: Bounds, after: Capacity) -> None:
    capacity = Capacity(count, limits)
    for write in writes(capacity, after):
        capacity = made(capacity, write)
    assert capacity == after


@given(within(), within())
def test_no_step_says_what_is_there_already(before: Capacity, after: Capacity) -> None:
    for write in writes(before, after):
        assert write != SetBounds(None, None)
        assert write != SetCount(before.desired)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(Capacity(5, Bounds(2, 8)), True, id="the change"),
        pytest.param(Capacity(7, Bounds(2, 8)), True, id="moved on by the autoscaler"),
        pytest.param(Capacity(3, Bounds(2, 8)), False, id="the count from before"),
        pytest.param(Capacity(5, Bounds(2, 4)), False, id="the bounds from before"),
        pytest.param(Capacity(9, Bounds(2, 8)), False, id="out of bounds"),
    ],
)
def test_a_reading_shows_the_change(seen: Capacity, expected: bool) -> None:
    assert shows(seen, before=Capacity(3, Bounds(2, 4)), after=Capacity(5, Bounds(2, 8))) is expected


def test_without_a_scalable_target_only_the_count_asked_for_will_do() -> None:
    assert not shows(Capacity(7, None), before=Capacity(3, None), after=Capacity(5, None))


def test_a_suspension_in_words() -> None:
    assert suspended({"DynamicScalingInSuspended": True, "ScheduledScalingSuspended": False}) == ["scaling in"]


wishes = st.builds(Wanted, *[st.none() | counts] * 3)


@given(st.builds(Capacity, counts, st.none() | bounds), wishes)
def test_what_only_grows_never_shrinks_and_asks_for_nothing_else(live: Capacity, wanted: Wanted) -> None:
    asked = at_least(live, wanted)
    now = live.facts()
    for name in ("desired", "min", "max"):
        wish, outcome = getattr(wanted, name), getattr(asked, name)
        assert (wish is None) == (outcome is None)
        if wish is not None:
            assert outcome == max(wish, now[name] or 0)


def test_a_count_that_is_only_to_grow_stays_where_somebody_has_set_it_beyond_the_bounds() -> None:
    above = Capacity(12, Bounds(2, 10))
    wanted = at_least(above, Wanted(desired=10, min=10))
    assert decide(above, wanted, service="cart", grow=True) == Capacity(12, Bounds(10, 10))
    with pytest.raises(CanaryError, match="lies outside the bounds"):
        decide(above, wanted, service="cart")
    with pytest.raises(CanaryError, match="lies outside the bounds"):
        decide(Capacity(2, Bounds(2, 10)), Wanted(desired=2, min=4), service="cart", grow=True)
    with pytest.raises(CanaryError, match="lies outside the bounds"):
        decide(Capacity(9, Bounds(2, 10)), Wanted(desired=11), service="cart", grow=True)
