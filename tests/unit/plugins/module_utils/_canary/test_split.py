# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights and percents."""

from __future__ import annotations

from fractions import Fraction

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.split import (
    MAX_WEIGHT,
    Split,
    is_at,
    share_of_percent,
    split_of_percent,
    split_of_weights,
)
from hypothesis import given
from hypothesis import strategies as st

TENTHS = st.integers(0, 1000)
WEIGHTS = st.integers(0, MAX_WEIGHT)
PAIRS = st.tuples(WEIGHTS, WEIGHTS).filter(any)


@pytest.mark.parametrize(
    ("percent", "stable", "canary"),
    [
        (0, 100, 0),
        (0.1, 999, 1),
        (0.5, 199, 1),
        (1, 99, 1),
        (5, 95, 5),
        (12.5, 7, 1),
        (25, 75, 25),
        (33.3, 667, 333),
        (50, 50, 50),
        (99.9, 1, 999),
        (100, 0, 100),
    ],
)
def test_the_weights_of_a_percent(percent: float, stable: int, canary: int) -> None:
    assert split_of_percent(percent) == Split(stable=stable, canary=canary)


@given(TENTHS)
def test_every_step_of_a_tenth_is_exact_and_within_what_aws_takes(tenths: int) -> None:
    split = split_of_percent(tenths / 10)
    assert split.share == Fraction(tenths, 1000)
    assert 0 <= split.stable <= MAX_WEIGHT
    assert 0 <= split.canary <= MAX_WEIGHT


@given(TENTHS)
def test_a_percent_comes_back_as_it_was_given(tenths: int) -> None:
    assert split_of_percent(tenths / 10).percent == tenths / 10


@given(st.integers(0, 100))
def test_the_weights_of_a_whole_percent_sum_to_100(percent: int) -> None:
    assert split_of_percent(percent) == Split(stable=100 - percent, canary=percent)


@pytest.mark.parametrize(
    "percent", [-0.1, 100.1, 150, float("nan"), float("inf"), -float("inf"), 12.34, 0.05, 1e-9, None]
)
def test_a_percent_that_cannot_be(percent: float | None) -> None:
    with pytest.raises(CanaryError, match="percent is"):
        split_of_percent(percent)


def test_the_error_names_the_option() -> None:
    with pytest.raises(CanaryError, match="from_percent is 101"):
        share_of_percent(101, option="from_percent")


@given(PAIRS, st.integers(1, 9))
def test_a_multiple_is_the_same_split(pair: tuple[int, int], factor: int) -> None:
    stable, canary = pair
    assert Split(stable, canary).same_as(Split(stable * factor, canary * factor))


@given(PAIRS, PAIRS)
def test_splits_are_the_same_when_the_ratios_are(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert Split(*one).same_as(Split(*other)) == (one[0] * other[1] == other[0] * one[1])


def test_no_weight_at_all_is_no_share() -> None:
    split = Split(0, 0)
    assert (split.share, split.percent) == (None, None)
    assert not split.same_as(Split(100, 0))
    assert not is_at(split, 0)
    assert "0/0" in str(split)


@pytest.mark.parametrize(("stable", "canary"), [(-1, 1), (110, -10), (1000, 0), (0, 1000), (0, 0)])
def test_weights_that_cannot_be(stable: int, canary: int) -> None:
    with pytest.raises(CanaryError, match="weight"):
        split_of_weights(stable, canary)


@given(PAIRS)
def test_any_other_weights_are_taken_as_they_are(pair: tuple[int, int]) -> None:
    assert split_of_weights(*pair) == Split(*pair)


@pytest.mark.parametrize(
    ("split", "percent", "expected"),
    [
        (Split(2, 1), 33.3, True),
        (Split(2, 1), 33.4, False),
        (Split(999, 1), 0.1, True),
        (Split(999, 1), 0, False),
        (Split(50, 50), 50, True),
    ],
)
def test_a_live_split_is_at_a_percent_to_the_nearest_tenth(split: Split, percent: float, expected: bool) -> None:
    assert is_at(split, percent) is expected
