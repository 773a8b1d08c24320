# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's record of groups that had requests and no healthy target."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.balancer.starved import Starved
from lab.control.views import Listener, LoadBalancer, Rule, Target, TargetGroup
from tests.handmade import forward


def balancer(**weights: int) -> LoadBalancer:
    rule = Rule("rule", None, (), (forward(weights),))
    return LoadBalancer("balancer", "shop", "127.0.0.1", (Listener("listener", 80, "HTTP", (rule,)),))


def group(*states: str) -> TargetGroup:
    return TargetGroup("arn", "shop", 80, 0, tuple(Target("127.0.0.1", 80, state, "") for state in states))


def shown(record: Starved) -> list[dict[str, Any]]:
    (body,) = record({}, lambda *_: None)
    found: list[dict[str, Any]] = json.loads(body)
    return found


@pytest.mark.parametrize(
    ("weight", "states", "starves"),
    [
        (1, ["healthy", "unhealthy"], False),
        (1, ["initial"], True),
        (1, ["unhealthy", "draining"], True),
        (1, [], True),
        (0, [], False),
    ],
)
def test_a_group_starves_that_has_a_weight_and_no_healthy_target(weight: int, states: list[str], starves: bool) -> None:
    record = Starved(lambda: 5.0)
    record.observe([balancer(stable=1, canary=weight)], {"stable": group("healthy"), "canary": group(*states)})
    assert [each["target_group"] for each in shown(record)] == ["canary"] * starves


def test_the_record_says_from_when_to_when() -> None:
    now = [1.0]
    record = Starved(lambda: now[0])
    for at, state in ((1.0, "initial"), (2.0, "initial"), (3.0, "healthy"), (4.0, "unhealthy")):
        now[0] = at
        record.observe([balancer(canary=1)], {"canary": group(state)})
    assert [(each["since"], each["until"]) for each in shown(record)] == [(1.0, 3.0), (4.0, None)]
