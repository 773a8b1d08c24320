# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a group may take more traffic."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.health import STATES, health_of, targets_for
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("states", "needed", "enough"),
    [
        ([], 1, False),
        (["healthy"], 1, True),
        (["initial"], 1, False),
        (["unused", "unused"], 1, False),
        (["healthy", "unhealthy"], 1, True),
        (["healthy", "unhealthy", "unhealthy"], 2, False),
        (["healthy", "healthy", "unhealthy"], 2, True),
        (["healthy", "draining", "draining"], 1, True),
        (["draining"], 1, False),
    ],
)
def test_half_of_those_registered_and_at_least_one(states: list[str], needed: int, enough: bool) -> None:
    health = health_of(states)
    assert (health.needed, health.enough) == (needed, enough)


@given(st.lists(st.sampled_from(STATES)))
def test_a_group_without_a_healthy_target_never_has_enough(states: list[str]) -> None:
    health = health_of(states)
    assert not health.enough or "healthy" in states
    assert health.enough or states.count("healthy") * 2 < max(1, health.registered) + 1


@given(st.lists(st.sampled_from(STATES)))
def test_one_more_healthy_target_does_no_harm(states: list[str]) -> None:
    assert health_of([*states, "healthy"]).enough or not health_of(states).enough


@pytest.mark.parametrize(
    ("after", "before", "stable", "canary", "least"),
    [
        (50, 0, 10, 1, 3),
        (50, 0, 10, 10, 3),
        (5, 0, 10, 2, 1),
        (100, 0, 10, 2, 5),
        (100, 0, 2, 1, 1),
        # Stable makes do with four tasks for nearly all: that the canary has two for 5 % says nothing.
        (50, 5, 4, 2, 2),
        # Stable has more than it needs, and the canary shows how many would do.
        (100, 50, 40, 5, 5),
        (100, 50, 10, 10, 10),
        (50, 0, 0, 0, 1),
        (50, 10, 0, 1, 3),
    ],
)
def test_half_of_the_targets_that_a_share_needs(after: int, before: int, stable: int, canary: int, least: int) -> None:
    found = targets_for(Fraction(after, 100), before=Fraction(before, 100), stable=stable, canary=canary)
    assert found == least


shares = st.fractions(0, 1, max_denominator=1000)


@given(after=shares, before=shares, stable=st.integers(1, 500))
def test_a_canary_sized_like_stable_always_has_enough(after: Fraction, before: Fraction, stable: int) -> None:
    now, then = math.ceil(before * stable), max(1, math.ceil(after * stable))
    assert targets_for(after, before=before, stable=stable, canary=now) <= then


@given(states=st.lists(st.sampled_from(STATES)), least=st.integers(1, 9))
def test_the_larger_of_both_needs_counts(states: list[str], least: int) -> None:
    assert health_of(states, least=least).needed == max(least, health_of(states).needed)


def test_counts_in_words_and_facts() -> None:
    health = health_of(["healthy", "healthy", "draining", "initial"])
    assert str(health) == "2 healthy, 1 initial, 1 draining"
    assert health.facts() == {"healthy": 2, "registered": 3}
    assert str(health_of([])) == "no target registered"


def test_a_group_that_is_too_small_is_to_be_sized() -> None:
    assert "ecs_service_capacity" in health_of(["healthy"], least=3).hint
    assert "no rule forwards" in health_of(["unused"], least=3).hint


@pytest.mark.parametrize(
    ("states", "hint"), [([], "start tasks"), (["unused"], "no rule forwards"), (["unhealthy"], "")]
)
def test_what_the_states_give_away(states: list[str], hint: str) -> None:
    assert hint in health_of(states).hint
    assert bool(health_of(states).hint) == bool(hint)
