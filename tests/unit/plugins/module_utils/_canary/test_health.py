# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a group may take more traffic."""

from __future__ import annotations

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.health import STATES, health_of
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


def test_counts_in_words_and_facts() -> None:
    health = health_of(["healthy", "healthy", "draining", "initial"])
    assert str(health) == "2 healthy, 1 initial, 1 draining"
    assert health.facts() == {"healthy": 2, "registered": 3}
    assert str(health_of([])) == "no target registered"


@pytest.mark.parametrize(
    ("states", "hint"), [([], "start tasks"), (["unused"], "no rule forwards"), (["unhealthy"], "")]
)
def test_what_the_states_give_away(states: list[str], hint: str) -> None:
    assert hint in health_of(states).hint
    assert bool(health_of(states).hint) == bool(hint)
