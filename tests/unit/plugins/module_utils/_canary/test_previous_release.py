# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.previous_release import (
    LONGEST_VALUE,
    previous_release,
    promoted_from,
    to_remember,
    to_restore,
)

V1, V2, V3 = (f"arn:aws:ecs:eu-west-1:1:task-definition/cart:{revision}" for revision in (1, 2, 3))
CANARY = "arn:aws:ecs:eu-west-1:1:task-definition/cart-canary:7"


def tags(remembered: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": "team", "value": "cart"}, *({"key": key, "value": value} for key, value in remembered.items())]


@pytest.mark.parametrize(("live", "previous", "again"), [(V2, V1, V1), (V1, None, V1), (V3, None, None)])
def test_a_memory_counts_as_long_as_the_release_is_live_that_it_is_of(
    live: str, previous: str | None, again: str | None
) -> None:
    remembering = tags(to_remember(V1, V2, CANARY))
    assert previous_release(remembering, live=live) == previous
    assert promoted_from(remembering, live=live) == (CANARY if previous else None)
    assert to_restore(remembering, live=live) == again


def test_a_service_without_the_tags_remembers_nothing() -> None:
    assert previous_release(tags({}), live=V1) is None
    assert previous_release(tags({}), live=None) is None
    assert promoted_from(tags({}), live=V1) is None
    assert to_restore(tags({}), live=V1) is None


def test_what_a_tag_cannot_hold_is_not_remembered() -> None:
    """A tag that was cut would name another task definition."""
    longest = "f" * LONGEST_VALUE
    assert to_remember(longest, longest, longest)
    for number in range(3):
        arns = [V1, V2, CANARY]
        arns[number] = f"{longest}f"
        assert to_remember(*arns) == {}
