# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.split import Split, is_at
from ansible_collections.canary.ecs.plugins.module_utils._canary.steps import Target, guarded, steps_to, target_of
from hypothesis import example, given
from hypothesis import strategies as st

tenths = st.integers(0, 1000)
weights = st.integers(0, 999)


def percents(steps: list[dict[str, Any]]) -> list[float]:
    return [step["percent"] for step in steps]


@pytest.mark.parametrize(
    ("options", "step"),
    [
        ({"percent": 25}, {"percent": 25.0}),
        ({"percent": "25"}, {"percent": 25.0}),
        ({"percent": "0.1", "stable_weight": "", "canary_weight": None}, {"percent": 0.1}),
        ({"percent": 0}, {"percent": 0.0}),
        ({"stable_weight": "75", "canary_weight": 25}, {"weights": {"stable": 75, "canary": 25}}),
        ({"percent": "", "stable_weight": 0, "canary_weight": 100}, {"weights": {"stable": 0, "canary": 100}}),
    ],
)
def test_the_target_is_named_by_percent_or_by_weights(options: dict[str, Any], step: dict[str, Any]) -> None:
    assert target_of(**options).step() == step


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "percent=25"),
        ({"percent": ""}, "percent=25"),
        ({"stable_weight": 75}, "Both weights"),
        ({"canary_weight": 75}, "Both weights"),
        ({"percent": 25, "stable_weight": 75, "canary_weight": 25}, "one of them"),
        ({"percent": 150}, "0 to 100"),
        ({"percent": -1}, "0 to 100"),
        ({"percent": 0.25}, "0.1"),
        ({"percent": "nan"}, "percent"),
        ({"percent": "all"}, "percent"),
        ({"stable_weight": 110, "canary_weight": -10}, "canary_weight"),
        ({"stable_weight": 1000, "canary_weight": 0}, "999"),
        ({"stable_weight": 0, "canary_weight": 0}, "both 0"),
    ],
)
def test_any_other_target_is_refused_with_a_way_out(options: dict[str, Any], says: str) -> None:
    with pytest.raises(CanaryError, match=says):
        target_of(**options)


@pytest.mark.parametrize(
    ("live", "target", "step", "way"),
    [
        ([0], 25, None, [25]),
        ([0], 30, 10, [10, 20, 30]),
        ([5], 25, 10, [15, 25]),
        ([5], 30, "10", [15, 25, 30]),
        ([100], 0, 40, [60, 20, 0]),
        ([0], 0.3, 0.1, [0.1, 0.2, 0.3]),
        ([0], 5, 10, [5]),
        ([25], 25, 10, [25]),
        ([33.333], 60, 10, [43.3, 53.3, 60]),
        ([66.667], 40, 10, [56.7, 46.7, 40]),
        # The rule that is furthest away sets the pace.
        ([10, 20], 40, 10, [20, 30, 40]),
        ([None, 20], 40, 10, [30, 40]),
        ([], 40, 10, [40]),
    ],
)
def test_the_way_to_the_target(live: list[float | None], target: float, step: Any, way: list[float]) -> None:
    assert percents(steps_to(target_of(percent=target), live=live, step=step)) == way


def test_the_way_to_weights_ends_with_the_weights() -> None:
    target = target_of(stable_weight=2, canary_weight=1)
    assert steps_to(target, live=[0], step=20) == [{"percent": 20.0}, {"weights": {"stable": 2, "canary": 1}}]


@pytest.mark.parametrize("step", [0, "0", -5, 0.05, "slow"])
def test_a_step_that_leads_nowhere_is_refused(step: Any) -> None:
    with pytest.raises(CanaryError, match="step"):
        steps_to(target_of(percent=50), live=[0], step=step)


@given(live=st.floats(0, 100), end=tenths, step=st.integers(1, 1000))
def test_steps_go_one_way_never_too_far_and_arrive(live: float, end: int, step: int) -> None:
    way = percents(steps_to(target_of(percent=end / 10), live=[live], step=step / 10))
    assert way[-1] == end / 10
    hops = [Fraction(str(after)) - Fraction(before) for before, after in zip([live, *way], way, strict=False)]
    assert all(abs(hop) <= Fraction(step, 10) + Fraction(1, 10**5) for hop in hops)
    assert all(hop > 0 for hop in hops) or all(hop < 0 for hop in hops) or len(way) == 1
    assert all(round(percent * 10) / 10 == percent for percent in way)


@given(stable=weights, canary=weights)
def test_the_percent_of_weights_is_never_too_small(stable: int, canary: int) -> None:
    if stable == canary == 0:
        return
    target = target_of(stable_weight=stable, canary_weight=canary)
    assert 0 <= Fraction(str(target.percent)) - target.share * 100 < Fraction(1, 10)


def test_each_step_is_on_condition_that_the_one_before_still_holds() -> None:
    way = guarded(steps_to(target_of(percent=30), live=[5], step=10), live=[5, 5])
    assert [(step.get("from_percent"), step["percent"]) for step in way] == [(5, 15.0), (15.0, 25.0), (25.0, 30.0)]


def test_rules_that_differ_are_made_one_without_a_condition() -> None:
    way = guarded(steps_to(Target(Fraction(0)), live=[50, 25], step=25), live=[50, 25])
    assert [(step.get("from_percent"), step["percent"]) for step in way] == [(None, 25.0), (25.0, 0.0)]


@given(stable=weights, canary=weights)
@example(stable=13, canary=94)
@example(stable=94, canary=13)
def test_a_split_fulfils_the_condition_that_is_made_of_its_own_percent(stable: int, canary: int) -> None:
    split = Split(stable, canary)
    (step,) = guarded([{"percent": 50.0}], live=[split.percent])
    assert split.percent is None or is_at(split, step["from_percent"])


def test_a_live_split_between_tenths_is_named_by_the_nearest() -> None:
    assert guarded([{"percent": 50.0}], live=[33.333]) == [{"percent": 50.0, "from_percent": 33.3}]
