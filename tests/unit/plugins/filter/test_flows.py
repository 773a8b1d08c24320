# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.filter.flows import FilterModule

FILTERS = FilterModule().filters()

OPTIONS = {
    "stickiness": "preserve",
    "percent": "25", "stable_weight": None, "canary_weight": None, "step": None, "take": "task_definition",
    "return_step": 5, "least_desired": 2, "least_max": 4, "park_desired": 2, "park_min": 2, "park_max": 2,
}  # fmt: skip

SERVICE = {
    "service": "cart", "service_arn": "arn:cart",
    "deployment_controller": "ECS", "deployment_strategy": "ROLLING", "desired": 2, "min": 2,
    "max": 4, "target_group": {"healthy": 2}, "images": {},
    "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "rollout_state": "COMPLETED", "running": 2}],
}  # fmt: skip
LIVE = {"percent": 0.0, "promoted": False, "rules": [{"percent": 0.0}], "stable": SERVICE, "canary": SERVICE}

OURS = {"stack_description": {"stack_status": "CREATE_COMPLETE", "description": "canary.ecs: two services"}}
OTHER = {"stack_description": {"stack_status": "CREATE_COMPLETE", "description": "a network"}}


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("named", ({"cluster": "shop"},), "missing"),
        ("services", ({}, "shop"), "no stack shop"),
        ("removable", ({"shop": OTHER}, "shop"), "left alone"),
        ("target", ({"percent": 150},), "0 to 100"),
        ("shift_plan", (LIVE, {**OPTIONS, "percent": None}), "percent=25"),
        ("shift_plan", (LIVE, {**OPTIONS, "step": 0}), "step"),
        ("rollback_plan", (LIVE, {**OPTIONS, "park_min": "many"}), "park_min"),
        ("rollback_plan", (LIVE, {**OPTIONS, "restore": "perhaps"}), "restore"),
        ("promote_plan", (LIVE, OPTIONS), "0 %"),
    ],
)
def test_a_refusal_is_a_problem_in_words(name: str, arguments: tuple[Any, ...], says: str) -> None:
    answer = FILTERS[name](*arguments)
    assert set(answer) == {"problem"}
    assert says in answer["problem"]


@pytest.mark.parametrize(
    ("name", "arguments", "key"),
    [
        ("named", ({},), "services"),
        ("removable", ({}, "shop"), "exists"),
        ("removable", ({"shop": OURS}, "shop"), "exists"),
        ("target", (OPTIONS,), "percent"),
        ("shift_plan", (LIVE, OPTIONS), "steps"),
        ("rollback_plan", (LIVE, OPTIONS), "steps"),
        ("promote_plan", ({**LIVE, "percent": 100.0}, OPTIONS), "steps"),
    ],
)
def test_a_decision_has_no_problem(name: str, arguments: tuple[Any, ...], key: str) -> None:
    answer = FILTERS[name](*arguments)
    assert answer["problem"] == ""
    assert key in answer


@pytest.mark.parametrize("stacks", [{"shop": OURS}, {}])
def test_what_a_person_typed_to_confirm_must_be_the_stack_that_goes(stacks: dict[str, Any]) -> None:
    refused = FILTERS["removable"](stacks, "shop", confirm="shop-test")
    assert refused["problem"].startswith(
        "The stack to remove is shop, and confirm is 'shop-test': nothing was removed."
    )
    for confirm in ("shop", "", None):
        assert FILTERS["removable"](stacks, "shop", confirm=confirm) == {"problem": "", "exists": bool(stacks)}


def test_a_new_stack_is_planned_from_what_was_asked_for() -> None:
    plan = FILTERS["stack_plan"]({"stable_image": "app:v1"}, {}, stack_name="shop", services=None)
    assert (plan["problem"], plan["creates"]) == ("", True)
    refused = FILTERS["stack_plan"]({}, {"shop": OTHER}, stack_name="shop", services=None)
    assert "left alone" in refused["problem"]


def test_a_stack_is_readable_when_it_is_there() -> None:
    assert not FILTERS["readable"]({})
    assert FILTERS["readable"]({"shop": OURS})


@pytest.mark.parametrize(
    ("text", "meant"), [(None, False), ("", False), (False, False), ("false", False), ("no", False), ("true", True)]
)
def test_a_rollback_restores_only_where_yes_is_meant(text: Any, meant: bool) -> None:
    """A survey, and ``-e restore=false``, send words."""
    assert FILTERS["rollback_plan"](LIVE, {**OPTIONS, "restore": text})["restores"] == ("last" if meant else "")
