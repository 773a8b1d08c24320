# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.capacity import (
    Bounds,
    Capacity,
    SetCount,
    Wanted,
    writes,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.sizing import (
    Pair,
    as_options,
    at_least_as,
    canary_for,
    capacity_of,
    parked,
    stable_for,
)
from hypothesis import given
from hypothesis import strategies as st

LEAST = Wanted(desired=2, min=2, max=4)


def pair(stable: int, canary: int, percent: float, *, high: int | None = 100) -> Pair:
    bounds = None if high is None else Bounds(1, high)
    share = Fraction(str(percent)) / 100
    return Pair(stable=Capacity(stable, bounds), canary=Capacity(canary, bounds), share=share, resting=2)


@pytest.mark.parametrize(
    ("stable", "canary", "percent", "load"),
    [
        # Nothing on the canary: stable is the load.
        (10, 2, 0, 10),
        (10, 50, 0, 10),
        # A canary as its share of stable, or as it rests, says nothing else.
        (10, 5, 50, 10),
        (10, 2, 5, 10),
        (2, 2, 100, 2),
        # Stable was scaled in while the canary took over.
        (5, 5, 50, 10),
        (3, 9, 75, 12),
        (2, 10, 100, 10),
        # The canary was scaled out for what it takes.
        (8, 8, 50, 16),
        # A task too many on a canary with a small share is no sign of a large load.
        (2, 3, 5, 3),
    ],
)
def test_the_whole_load_is_read_off_both(stable: int, canary: int, percent: float, load: int) -> None:
    assert pair(stable, canary, percent).whole_load == load


def test_the_whole_load_is_never_more_than_stable_may_have() -> None:
    assert pair(2, 10, 100, high=6).whole_load == 6
    assert pair(2, 10, 100, high=None).whole_load == 10


@pytest.mark.parametrize(
    ("stable", "percent", "wanted"),
    [
        (10, 10, Wanted(2, 2, 10)),
        (10, 25, Wanted(3, 3, 25)),
        (10, 100, Wanted(10, 10, 100)),
        (2, 100, Wanted(2, 2, 100)),
        (1, 1, Wanted(2, 2, 4)),
    ],
)
def test_the_canary_is_sized_for_its_share(stable: int, percent: float, wanted: Wanted) -> None:
    assert canary_for(pair(stable, 2, 0), percent, at_least=LEAST) == wanted


def test_a_canary_keeps_its_own_bounds_where_stable_has_none() -> None:
    both = Pair(Capacity(10, None), Capacity(2, Bounds(2, 2)), Fraction(0), resting=2)
    assert canary_for(both, 50, at_least=LEAST) == Wanted(5, min=2, max=5)
    bare = Pair(Capacity(10, None), Capacity(2, None), Fraction(0), resting=2)
    assert canary_for(bare, 50, at_least=LEAST) == Wanted(desired=5)


def test_a_canary_that_takes_more_is_never_scaled_in() -> None:
    assert at_least_as(Capacity(6, Bounds(2, 8)), Wanted(3, 3, 4)) == Wanted(6, 3, 6)
    assert at_least_as(Capacity(6, None), Wanted(3)) == Wanted(6)
    assert at_least_as(Capacity(2, Bounds(2, 8)), Wanted(3, 3, 4)) == Wanted(3, 3, 4)


counts = st.integers(0, 60)


@given(stable=counts, canary=counts, percent=st.integers(0, 100), share=st.fractions(0, 1))
def test_stable_is_never_scaled_in(stable: int, canary: int, percent: int, share: Fraction) -> None:
    assert stable_for(pair(stable, canary, percent), share) >= stable


@given(stable=counts, canary=counts, now=st.integers(0, 100), percent=st.integers(0, 100))
def test_what_the_canary_is_to_have_holds_together(stable: int, canary: int, now: int, percent: int) -> None:
    both = pair(stable, canary, now)
    wanted = at_least_as(both.canary, canary_for(both, percent, at_least=LEAST))
    assert wanted.desired is not None and wanted.min is not None and wanted.max is not None
    assert wanted.min <= wanted.desired <= wanted.max
    assert wanted.desired >= max(2, canary)


def test_a_canary_without_a_scalable_target_is_parked_without_one() -> None:
    rest = Wanted(2, 2, 2)
    assert as_options(parked(Capacity(7, Bounds(3, 9)), rest)) == {"desired": 2, "min": 2, "max": 2}
    assert as_options(parked(Capacity(7, None), rest)) == {"desired": 2}


def test_a_service_reads_as_a_capacity() -> None:
    assert capacity_of({"desired": 3, "min": 2, "max": 4}) == Capacity(3, Bounds(2, 4))
    assert capacity_of({"desired": 3, "min": None, "max": None}) == Capacity(3, None)


@given(
    stable=st.integers(1, 40),
    spare=st.integers(0, 40),
    lower=st.integers(1, 1000),
    higher=st.integers(1, 1000),
)
def test_a_shift_that_was_cut_off_is_sized_the_same_again(stable: int, spare: int, lower: int, higher: int) -> None:
    """Killed between the canary's size and the weights, or between the weights and its size: up as down."""
    lower, higher = sorted((lower, higher))
    live = Pair(
        Capacity(stable, Bounds(1, stable + spare)),
        Capacity(2, Bounds(2, 2)),
        share=Fraction(lower, 1000),
        resting=2,
    )
    small = canary_for(live, lower / 10, at_least=LEAST)
    live = replace(live, canary=sized(small))
    large = at_least_as(live.canary, canary_for(live, higher / 10, at_least=LEAST))
    for canary in (live.canary, *cut_off(live.canary, sized(large))):
        up = replace(live, canary=canary)
        assert at_least_as(up.canary, canary_for(up, higher / 10, at_least=LEAST)) == large
    for canary in (sized(large), *cut_off(sized(large), live.canary)):
        assert canary_for(replace(live, canary=canary), lower / 10, at_least=LEAST) == small


@given(stable=st.integers(1, 40), spare=st.integers(0, 40), percent=st.integers(1, 99))
def test_traffic_that_returns_in_steps_needs_no_more_at_each(stable: int, spare: int, percent: int) -> None:
    """A promotion that was cut off on the way back finds a canary that is still sized for all of it."""
    bounds = Bounds(1, stable + spare)
    live = Pair(Capacity(stable, bounds), Capacity(2, Bounds(2, 2)), share=Fraction(0), resting=2)
    full = sized(canary_for(live, 100, at_least=LEAST))
    assert stable_for(replace(live, canary=full, share=Fraction(percent, 100)), Fraction(1)) == stable


def cut_off(before: Capacity, after: Capacity) -> list[Capacity]:
    """What the canary is left with when its sizing ends after each of its writes."""
    left = [before]
    for write in writes(before, after):
        last, bounds = left[-1], left[-1].bounds
        assert bounds is not None
        if isinstance(write, SetCount):
            left.append(replace(last, desired=write.desired))
        else:
            low, high = (old if new is None else new for old, new in ((bounds.min, write.min), (bounds.max, write.max)))
            left.append(replace(last, bounds=Bounds(low, high)))
    return left[1:]


def sized(wanted: Wanted) -> Capacity:
    assert wanted.desired is not None and wanted.min is not None and wanted.max is not None
    return Capacity(wanted.desired, Bounds(wanted.min, wanted.max))
