# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.status import (
    is_rolling,
    leaving,
    newest_events,
    rollback_line,
    status_lines,
    waiting_for,
)

LONG = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/a-rather-long-name-of-a-service:2026-11-25-0800"


def service(name: str, **more: Any) -> dict[str, Any]:
    return {
        "service": name, "task_definition": f"arn:aws:ecs:eu-west-1:1:task-definition/{name}:7",
        "images": {"app": f"1.dkr.ecr.eu-west-1.amazonaws.com/{name}:v1"}, "desired": 2, "running": 2, "pending": 0,
        "min": 2, "max": 4, "deployments": [{"status": "PRIMARY", "rollout_state": "COMPLETED"}],
        "target_group": {"healthy": 2, "unhealthy": 0, "initial": 0, "draining": 0, "unused": 0}, **more,
    }  # fmt: skip


def info(**more: Any) -> dict[str, Any]:
    rule = {"default": False, "priority": 100, "port": 80, "stable": 75, "canary": 25, "percent": 25.0}
    return {
        "percent": 25.0, "promoted": False, "rules": [rule], "stable": service("cart"),
        "canary": service("cart-canary"), "load_balancers": [{"url": "http://cart.example"}], **more,
    }  # fmt: skip


def test_a_person_sees_at_a_glance_how_far_the_canary_is() -> None:
    assert status_lines(info()) == [
        "            stable                       canary",
        "traffic     75 %                         25 %",
        "service     cart                         cart-canary",
        "version     cart:v1                      cart-canary:v1",
        "release     cart:7                       cart-canary:7",
        "rollout     completed                    completed",
        "tasks       2 of 2 running               2 of 2 running",
        "health      2 healthy                    2 healthy",
        "autoscaling 2 to 4 tasks                 2 to 4 tasks",
        "rules       port 80, priority 100: stable 75, canary 25",
        "address     http://cart.example",
    ]


def test_the_table_fits_a_terminal_and_keeps_the_ends_of_names() -> None:
    lines = status_lines(info(stable=service("a" * 60), canary=service("b" * 60, images={"app": LONG})))
    assert max(map(len, lines)) <= 69
    assert any(line.endswith("2026-11-25-0800") for line in lines)


@pytest.mark.parametrize(("low", "own", "told"), [(6, 2, True), (2, 2, False), (6, None, False)])
def test_a_stable_service_that_is_held_is_told(low: int, own: int | None, told: bool) -> None:
    text = " ".join("\n".join(status_lines(info(stable=service("cart", min=low, held_from=own)))).split())
    assert ("stable is held at 6 tasks or more, its own min is 2" in text) is told


def test_rules_that_differ_are_told() -> None:
    rules = [
        {"default": True, "priority": None, "port": 80, "stable": 75, "canary": 25, "percent": 25.0},
        {"default": False, "priority": 5, "port": 443, "stable": 50, "canary": 50, "percent": 50.0},
    ]
    text = "\n".join(status_lines(info(percent=None, rules=rules)))
    assert "differs by rule" in text
    assert "port 80, default: stable 75, canary 25" in text
    assert "port 443, priority 5: stable 50, canary 50" in text
    assert "canary.ecs.rollback makes them one" in text


def test_without_a_rule_there_is_nothing_that_differs() -> None:
    text = "\n".join(status_lines(info(percent=None, rules=[], load_balancers=[])))
    assert "no listener rule forwards to both" in text
    assert "differ" not in text


def test_what_is_out_of_the_ordinary_is_shown() -> None:
    group = {"healthy": 1, "unhealthy": 2, "draining": 1}
    odd = service("cart", running=1, pending=1, min=None, max=None, target_group=group, deployments=[])
    text = "\n".join(status_lines(info(stable=odd, canary=service("canary", target_group=None), promoted=True)))
    for words in ("1 of 2 running, 1 pending", "1 healthy, 2 unhealthy, ...", "no autoscaling",
                  "no target group", "the same release"):  # fmt: skip
        assert words in text


def test_the_release_that_stable_had_before_its_promotion_is_named() -> None:
    promoted = info(stable=service("cart", previous_release="arn:td/cart:6"), promoted=True)
    text = " ".join(" ".join(status_lines(promoted)).split())
    assert "stable had cart:6 before its promotion: canary.ecs.rollback -e restore=true gives it back" in text
    assert "before its promotion" not in " ".join(status_lines(info()))


def test_nothing_is_waited_for_when_both_are_healthy() -> None:
    assert waiting_for(info()) == []
    assert waiting_for(info(canary=service("canary", desired=0, running=0, target_group=None))) == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"running": 1}, "1 of 2 tasks"),
        ({"target_group": {"healthy": 1}}, "1 of 2 targets"),
        (
            {"deployments": [{"status": "PRIMARY", "rollout_state": "FAILED", "rollout_state_reason": "no image"}]},
            "FAILED. no image",
        ),
        ({"deployments": [{"status": "PRIMARY", "rollout_state": "IN_PROGRESS"}]}, "IN_PROGRESS"),
    ],
)
def test_what_is_waited_for_is_told(more: dict[str, Any], says: str) -> None:
    (reason,) = waiting_for(info(canary=service("cart-canary", **more)))
    assert says in reason
    assert "canary (cart-canary)" in reason


ROLLING = [{"status": "PRIMARY", "rollout_state": "IN_PROGRESS"}]


@pytest.mark.parametrize(
    ("canary", "draining", "missing"),
    [
        ({}, 0, []),
        ({"target_group": None}, 0, []),
        # Of one that is named by its target group alone, nobody knows how many tasks it has.
        ({"service": None, "running": None, "desired": None, "target_group": {"name": "blue"}}, 0, []),
        ({"service": None, "target_group": {"name": "blue"}}, 1, ["canary (blue): 1 targets drain."]),
        ({}, 2, ["canary (cart-canary): 2 targets drain."]),
        ({"running": 6}, 0, ["canary (cart-canary): 6 tasks are running, and 2 are desired."]),
        # It never becomes healthy, and is not waited for.
        ({"running": 0, "target_group": {"healthy": 0, "draining": 3}}, 0, []),
        # A rollout has old tasks and new ones, and may never end.
        ({"running": 4, "deployments": ROLLING}, 0, []),
    ],
)
def test_what_leaves_is_waited_for_and_nothing_else(canary: dict[str, Any], draining: int, missing: list[str]) -> None:
    assert leaving(info(canary={**service("cart-canary"), **canary}), draining) == missing


def test_ecs_has_the_word_on_a_service_that_misses_something() -> None:
    lagging = service("cart-canary", running=1, events=["unable to place a task", "has started 1 tasks"])
    (told,) = newest_events(info(stable=service("cart", events=["steady state"]), canary=lagging))
    assert told == "The last event of canary: unable to place a task"


def test_a_rollback_says_which_release_has_the_traffic() -> None:
    assert rollback_line(info()) == "Stable runs cart:v1 (cart:7)."


SAME_IMAGES = {"images": service("cart")["images"]}


@pytest.mark.parametrize(
    "more",
    [
        {"canary": service("cart")},
        {
            "stable": service("cart", promoted_from=service("cart-canary")["task_definition"]),
            "canary": service("cart-canary", **SAME_IMAGES),
        },
    ],
)
def test_a_rollback_says_that_a_promoted_release_stays(more: dict[str, Any]) -> None:
    assert rollback_line(info(**more)).startswith("Stable runs cart:v1 (cart:7), the release of the canary: ")


def test_a_canary_with_other_settings_and_the_same_images_is_another_release() -> None:
    promoted = {"previous_release": "arn:td/cart:6", "promoted_from": "arn:td/cart-canary:6"}
    for stable in (service("cart"), service("cart", **promoted)):
        told = rollback_line(info(stable=stable, canary=service("cart-canary", **SAME_IMAGES)))
        assert told == "Stable runs cart:v1 (cart:7)."


def test_a_rule_without_a_weight_is_shown_as_the_outage_that_it_is() -> None:
    weightless = {"default": True, "priority": None, "port": 80, "stable": 0, "canary": 0, "percent": None}
    text = " ".join(" ".join(status_lines(info(rules=[weightless], percent=None))).split())
    assert "traffic a rule has no weight" in text
    assert "default: stable 0, canary 0: both are 0, so all of its requests are answered with 503;" in text
    assert "canary.ecs.rollback ends that" in text


def test_a_rollback_names_the_release_that_can_be_restored() -> None:
    told = rollback_line(info(stable=service("cart", previous_release="arn:td/cart:6"), canary=service("cart")))
    assert "To bring cart:6 back, which it had before: canary.ecs.rollback -e restore=true" in told


@pytest.mark.parametrize(("state", "rolling"), [("IN_PROGRESS", True), ("FAILED", False), ("COMPLETED", False)])
def test_a_release_under_way_is_told_from_one_that_arrived(state: str, rolling: bool) -> None:
    assert is_rolling(service("cart", deployments=[{"status": "PRIMARY", "rollout_state": state}])) is rolling
    assert not is_rolling(service("cart", deployments=[]))
