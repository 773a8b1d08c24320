# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shift: what it changes, what it leaves alone, what it refuses."""

from __future__ import annotations

import re

import pytest

from lab.client import calls_of, last_call_of
from tests.application import Application, no_failure, seen


def test_a_shift_repeated_changes_nothing(application: Application) -> None:
    application.succeed("canary.yml", percent=25)
    before = application.state
    played = application.succeed("canary.yml", percent=25)
    assert "changed=0" in played.output
    assert application.state == before


def test_a_wait_shows_what_it_waits_for_and_how_far_it_is(application: Application) -> None:
    played = application.succeed("canary.yml", percent=30, least_desired=3)
    told = re.findall(r"^ {4}app-canary: \d of 3 tasks running, .* \(\d+ s of 600 s\)$", played.output, re.MULTILINE)
    assert told
    assert max(map(len, told)) <= 80


def test_check_mode_changes_nothing_and_says_what_would_change(application: Application) -> None:
    before = application.state
    played = application.succeed("canary.yml", options=["--check", "--diff"], percent=40)
    assert application.state == before
    assert "changed=0" not in played.output


@pytest.mark.parametrize("stable_weight, canary_weight", [(75, 25), (50, 50), (0, 100)])
def test_any_pair_of_weights_can_be_set(application: Application, stable_weight: int, canary_weight: int) -> None:
    application.succeed("canary.yml", stable_weight=stable_weight, canary_weight=canary_weight)
    assert application.split() == (stable_weight, canary_weight)


def test_gradual_steps_pass_through_every_share_between(application: Application) -> None:
    application.succeed("canary.yml", percent=10)
    with application.traffic() as traffic:
        begin = traffic.mark()
        played = application.succeed("canary.yml", percent=30, step=10, interval=1)
        seen(traffic, 30)
        no_failure(traffic.report(since=begin))
    assert application.split() == (70, 30)
    assert "before step 2 of 2" in played.output
    assert "item=1 of 1 s" in played.output
    assert "with the canary at 20" in played.output


def test_stable_has_its_tasks_before_traffic_comes_back_to_it_in_steps(application: Application) -> None:
    """Its autoscaler has scaled it in while the canary took everything, and would go on to."""
    application.succeed("canary.yml", percent=100)
    application.resize("Canary", 4, 4, 8)
    application.resize("Stable", 1, 1, 4)
    since = last_call_of(application.lab)
    with application.traffic() as traffic:
        begin = traffic.mark()
        application.succeed("canary.yml", percent=20, step=40, interval=1)
        no_failure(traffic.report(since=begin))
    made = [call["operation"] for call in calls_of(application.lab, since=since) if call["mutating"]]
    held, let_go = made.index("TagResource"), made.index("UntagResource")
    assert held < made.index("UpdateService") < made.index("RegisterScalableTarget") < made.index("ModifyRule")
    assert let_go > max(number for number, operation in enumerate(made) if operation == "ModifyRule")
    assert application.capacity("Stable") == (1, 4, 4)
    assert application.split() == (80, 20)


def test_deploying_in_the_middle_of_a_canary_moves_nothing(application: Application) -> None:
    application.succeed("canary.yml", percent=35)
    before = application.state
    with application.traffic() as traffic:
        begin = traffic.mark()
        application.succeed("deploy.yml")
        seen(traffic, 35)
        no_failure(traffic.report(since=begin))
    assert application.state == before


def test_another_size_of_task_keeps_image_count_and_traffic(application: Application) -> None:
    before = application.state
    images = application.image("Stable"), application.image("Canary")
    with application.traffic() as traffic:
        begin = traffic.mark()
        application.succeed("deploy.yml", cpu=512, memory=1024)
        no_failure(traffic.report(since=begin))
    after = application.state
    assert (application.image("Stable"), application.image("Canary")) == images
    assert {name: after[name] for name in ("split", "Stable capacity", "Canary capacity")} == {
        name: before[name] for name in ("split", "Stable capacity", "Canary capacity")
    }
    assert after["Stable release"] != before["Stable release"], "the larger task is another release"


@pytest.mark.parametrize(
    "variables, says",
    [
        ({"percent": 150}, "150"),
        ({"percent": -5}, "-5"),
        ({"percent": 12.34}, "12.34"),
        ({"percent": "many"}, "many"),
        ({}, "percent"),
        ({"percent": 10, "stable_weight": 90, "canary_weight": 10}, "percent"),
        ({"stable_weight": 110, "canary_weight": -10}, "-10"),
        ({"stable_weight": 0, "canary_weight": 0}, "0"),
        ({"stable_weight": 50}, "canary_weight"),
        ({"percent": 10, "stack_name": "no-such-stack"}, "no-such-stack"),
        ({"percent": 10, "cluster": "shop"}, "stable_service"),
        ({"percent": 10, "step": 0}, "step"),
    ],
)
def test_bad_input_changes_nothing(application: Application, variables: dict[str, object], says: str) -> None:
    before = application.state
    played = application.fail("canary.yml", **variables)
    assert says in played.output
    assert application.state == before


def test_promotion_is_refused_before_the_canary_has_all_traffic(application: Application) -> None:
    before = application.state
    played = application.fail("promote.yml")
    assert "percent=100" in played.output
    assert application.state == before
