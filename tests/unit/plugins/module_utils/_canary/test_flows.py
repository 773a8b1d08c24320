# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.deployment import deployment_facts
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.flows import (
    Settings,
    plan_promote,
    plan_rollback,
    plan_shift,
    refuse_larger,
    size_after,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.steps import target_of
from hypothesis import given
from hypothesis import strategies as st

COUNTS = {"least_desired": 2, "least_max": "4", "park_desired": "2", "park_min": 2, "park_max": 2}
DEFAULTS = {**COUNTS, "stickiness": "preserve"}
SETTINGS = Settings(least=Settings.to_shift(DEFAULTS).least, rest=Settings.to_park(DEFAULTS).rest)


def service(desired: int, bounds: tuple[int, int] | None = (2, 20), *, healthy: int | None = None) -> dict[str, Any]:
    low, high = bounds or (None, None)
    group = {"healthy": desired if healthy is None else healthy}
    return {
        "service": "cart", "service_arn": "arn:cart",
        "deployment_controller": "ECS", "deployment_strategy": "ROLLING", "desired": desired,
        "min": low, "max": high, "target_group": group, "images": {"app": f"app:{desired}"},
        "deployments": [deployment("PRIMARY", "COMPLETED", desired)],
    }  # fmt: skip


def deployment(status: str, rollout_state: str, running: int) -> dict[str, Any]:
    return deployment_facts(
        {"id": "ecs-svc/1", "status": status, "rolloutState": rollout_state, "runningCount": running}
    )


def info(stable: dict[str, Any], canary: dict[str, Any], *percents: float | None, promoted: bool = False) -> Any:
    same = percents[0] if len(set(percents)) == 1 else None
    rules = [{"percent": percent} for percent in percents]
    return {"stable": stable, "canary": canary, "rules": rules, "percent": same, "promoted": promoted}


def shift(live: Any, percent: float, **more: Any) -> dict[str, Any]:
    return plan_shift(live, SETTINGS, target_of(percent=percent), **more)


@pytest.mark.parametrize("flow", ["shift", "rollback", "promote"])
@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([], "No rule has both, whatever was searched"),
        (
            [{"percent": 100.0, "rule_arn": "r/1", "others": [{"arn": "targetgroup/next/1", "weight": 0}]}],
            "r/1 .* next.*Nothing was changed",
        ),
    ],
)
def test_a_flow_that_could_not_move_the_traffic_sizes_nothing(flow: str, rules: list[Any], says: str) -> None:
    live = {
        **info(service(10), service(2), 100.0),
        "rules": rules,
        "no_rules": "No rule has both, whatever was searched.",
    }
    flows = {
        "shift": lambda: shift(live, 25),
        "rollback": lambda: plan_rollback(live, SETTINGS),
        "promote": lambda: promote(live),
    }
    with pytest.raises(CanaryError, match=says):
        flows[flow]()


def test_more_for_the_canary_sizes_the_canary_first() -> None:
    plan = shift(info(service(10), service(2, (2, 2)), 0.0), 25)
    assert plan["canary_ahead"] == {"desired": 3, "min": 3, "max": 5}
    assert plan["steps"] == [{"percent": 25.0, "from_percent": 0.0}]
    assert (plan["stable_ahead"], plan["canary_after"]) == ({}, {})


@pytest.mark.parametrize(("stable", "canary"), [(10, (3, 3, 5)), (10, (4, 3, 5)), (5, (5, 2, 5)), (2, (2, 2, 4))])
def test_the_same_again_changes_no_count(stable: int, canary: tuple[int, int, int]) -> None:
    plan = shift(info(service(stable), service(canary[0], canary[1:]), 25.0), 25)
    assert (plan["stable_ahead"], plan["canary_ahead"], plan["canary_after"]) == ({}, {}, {})


def test_the_same_again_mends_a_canary_that_is_too_small() -> None:
    plan = shift(info(service(20), service(3, (3, 5)), 25.0), 25)
    assert plan["canary_ahead"] == {"desired": 5, "min": 5, "max": 5}


def test_less_for_the_canary_sizes_stable_first_and_the_canary_last() -> None:
    plan = shift(info(service(5), service(5), 50.0), 10)
    assert plan["stable_ahead"] == {"desired": 9, "min": 9}
    assert plan["canary_ahead"] == {}
    assert plan["canary_after"] == {"desired": 2, "min": 2, "max": 4}


def test_stable_is_held_up_while_the_traffic_comes_back_step_by_step() -> None:
    """Its autoscaler sees no load yet, for as long as its tasks take to start, and the steps to end."""
    plan = shift(info(service(5, (2, 20)), service(5), 50.0), 10, step=20)
    assert plan["stable_ahead"] == {"desired": 9, "min": 9}
    assert plan["holds"] is True
    assert shift(info(service(5, None), service(5), 50.0), 10, step=20)["stable_ahead"] == {"desired": 9}
    assert shift(info(service(5), service(5), 50.0), 10)["holds"] is True
    assert shift(info(service(9), service(2), 20.0), 10)["holds"] is False
    assert shift(info(service(5), service(5), 10.0), 50, step=20)["holds"] is False


@pytest.mark.parametrize("which", ["stable", "canary"])
def test_no_traffic_is_brought_to_a_service_that_cannot_be_sized(which: str) -> None:
    live = info(service(5), service(5), 50.0)
    live[which]["scheduling_strategy"] = "DAEMON"
    for percent in (10, 75):
        with pytest.raises(CanaryError, match="DAEMON"):
            shift(live, percent)


def test_a_rollback_leaves_alone_what_cannot_be_sized() -> None:
    daemons = ({**service(5), "scheduling_strategy": "DAEMON"} for _side in range(2))
    plan = plan_rollback(info(*daemons, 50.0), SETTINGS)
    assert (plan["stable_ahead"], plan["canary_after"], plan["holds"]) == ({}, {}, False)
    assert plan["steps"] == [{"percent": 0.0}]


def test_a_canary_without_a_scalable_target_gets_none() -> None:
    live = info(service(10, (2, 20)), service(2, None), 5.0)
    assert shift(live, 25)["canary_ahead"] == {"desired": 3}
    assert shift(info(service(10, (2, 20)), service(5, None), 50.0), 10)["canary_after"] == {"desired": 2}


OTHER_RULE = {"rule_arn": "r/2", "percent": 100.0}


@pytest.mark.parametrize("flow", ["shift", "rollback", "promote"])
def test_the_canary_keeps_its_tasks_for_rules_that_the_flow_leaves_alone(flow: str) -> None:
    live = {**info(service(10), service(10), 100.0), "unnamed_rules": [OTHER_RULE]}
    plan = {
        "shift": lambda: shift(live, 25),
        "rollback": lambda: plan_rollback(live, SETTINGS),
        "promote": lambda: promote(live),
    }[flow]()
    assert (plan["canary_after"], plan["unnamed"]) == ({}, "rule r/2 (100 %)")


def test_a_canary_that_rests_is_not_said_to_keep_anything() -> None:
    live = {**info(service(10), service(2, (2, 2)), 0.0), "unnamed_rules": [OTHER_RULE]}
    assert plan_rollback(live, SETTINGS)["unnamed"] == ""


def test_a_rule_that_was_not_named_and_has_moved_since_keeps_the_tasks() -> None:
    plan = plan_rollback(info(service(10), service(10), 100.0), SETTINGS)
    with pytest.raises(CanaryError, match=r"r/2 is at 100 %"):
        refuse_larger({**info(service(10), service(10), 0.0), "unnamed_rules": [OTHER_RULE]}, plan)


@pytest.mark.parametrize(
    ("stable", "canary", "size"),
    [
        # As planned: stable was sized for its share, and nothing else has changed.
        (service(8), service(10), {"desired": 3, "min": 3, "max": 5}),
        # Fewer, where the load has gone, are not fewer than planned.
        (service(4), service(5), {"desired": 3, "min": 3, "max": 5}),
        # The load has doubled over the hours that the steps took.
        (service(14), service(20), {"desired": 5, "min": 5, "max": 5}),
    ],
)
def test_a_canary_is_sized_by_the_load_that_there_is_once_the_traffic_has_moved(
    stable: dict[str, Any], canary: dict[str, Any], size: dict[str, int]
) -> None:
    plan = shift(info(service(2), service(10), 100.0), 25, step=25)
    assert plan["canary_after"] == {"desired": 3, "min": 3, "max": 5}
    assert plan["counts"] == {"stable": 8, "canary": 10}
    assert size_after(info(stable, canary, 25.0), plan, DEFAULTS) == size


def test_a_canary_that_is_parked_is_parked_whatever_the_load() -> None:
    plan = plan_rollback(info(service(10), service(10), 50.0), SETTINGS)
    assert size_after(info(service(20), service(20), 0.0), plan, DEFAULTS) == plan["canary_after"]


@pytest.mark.parametrize(
    ("low", "desired", "high", "rests"), [(2, 3, 2, (2, 3, 3)), (2, 0, 2, (0, 0, 2)), (3, 3, 2, (3, 3, 3))]
)
def test_a_size_at_rest_that_no_canary_can_have_refuses_a_promotion_and_no_rollback(
    low: int, desired: int, high: int, rests: tuple[int, int, int]
) -> None:
    """The way back is not refused for a number of which the traffic knows nothing."""
    settings = Settings.to_park({**DEFAULTS, "park_min": low, "park_desired": desired, "park_max": high})
    says = f"park_min is {low}, park_desired {desired} and park_max {high}"
    for canary in (service(4), service(2, (2, 2))):
        after = plan_rollback(info(service(4), canary, 100.0), settings)["canary_after"]
        assert (after["min"], after["desired"], after["max"]) == rests
        with pytest.raises(CanaryError, match=says):
            plan_promote(info(service(4), canary, 100.0), settings, take="task_definition", return_step=5)


def test_a_canary_without_a_scalable_target_rests_with_any_count() -> None:
    settings = Settings.to_park({**DEFAULTS, "park_desired": 1})
    assert plan_rollback(info(service(4), service(4, None), 100.0), settings)["canary_after"] == {"desired": 1}


def test_a_shift_holds_what_one_that_was_cut_off_was_about_to_hold() -> None:
    """Stable has its tasks already, and its own min yet: as large as it is, it is held for the traffic that returns."""
    plan = shift(info({**service(3, (2, 6)), "held_from": 2}, service(3, (3, 6)), 100.0), 25)
    assert plan["stable_ahead"] == {"desired": 3, "min": 3}
    assert plan["holds"] is True


@pytest.mark.parametrize(("low", "waits"), [(2, False), (3, True)])
def test_a_rollback_at_once_waits_only_where_stable_is_held(low: int, waits: bool) -> None:
    """One that was cut off had begun to hold it, or done so; it is large enough either way."""
    stable = {**service(3, (low, 6)), "held_from": 2}
    plan = plan_rollback(info(stable, service(3, (3, 6)), 100.0), Settings.to_park(DEFAULTS))
    assert (plan["stable_ahead"], plan["holds"], plan["lets_go"]) == ({}, waits, True)


def test_a_shift_up_lets_go_of_what_was_only_begun_and_waits_for_nothing() -> None:
    plan = shift(info({**service(3, (2, 6)), "held_from": 2}, service(3, (3, 6)), 10.0), 25)
    assert (plan["holds"], plan["lets_go"]) == (False, True)


def test_a_shift_lets_go_of_what_one_that_was_cut_off_holds() -> None:
    plan = shift(info({**service(9, (9, 20)), "held_from": 2}, service(5), 10.0), 10)
    assert (plan["holds"], plan["lets_go"]) == (True, True)


@pytest.mark.parametrize(
    ("target", "live", "refused"),
    [
        ({"percent": 25.0}, [25.0], False),
        ({"percent": 25.0}, [10.0, 25.0], False),
        ({"percent": 25.0}, [25.0, 25.1], True),
        ({"percent": 0.0}, [0.0], False),
        ({"percent": 0.0}, [50.0], True),
        ({"weights": {"stable": 2, "canary": 1}}, [33.333], False),
        ({"weights": {"stable": 2, "canary": 1}}, [33.4], True),
    ],
)
def test_the_canary_keeps_its_tasks_where_somebody_else_sends_it_more(
    target: dict[str, Any], live: list[float], refused: bool
) -> None:
    found = {"rules": [{"rule_arn": "arn", "percent": percent} for percent in live]}
    plan = {"steps": [{"percent": 99.0}, target]}
    if refused:
        with pytest.raises(CanaryError, match="somebody else shifts it"):
            refuse_larger(found, plan)
    else:
        refuse_larger(found, plan)


def test_less_for_a_canary_that_is_as_small_as_can_be_changes_no_count() -> None:
    plan = shift(info(service(2, (2, 4)), service(2, (2, 4)), 50.0), 10)
    assert (plan["stable_ahead"], plan["canary_after"]) == ({}, {})


def test_nothing_for_the_canary_leaves_its_capacity_in_peace() -> None:
    plan = shift(info(service(10), service(5), 50.0), 0)
    assert (plan["canary_ahead"], plan["canary_after"]) == ({}, {})
    assert plan["steps"] == [{"percent": 0.0, "from_percent": 50.0}]


def test_all_for_a_canary_after_stable_was_scaled_in_takes_the_whole_load() -> None:
    assert shift(info(service(5), service(5, (5, 10)), 50.0), 100)["canary_ahead"]["desired"] == 10


def test_steps_are_on_condition_of_the_one_before() -> None:
    plan = shift(info(service(2), service(2), 5.0), 25, step=10)
    assert plan["steps"] == [
        {"percent": 15.0, "from_percent": 5.0},
        {"percent": 25.0, "from_percent": 15.0},
    ]


@pytest.mark.parametrize("percents", [(0.0,), (0.0, 0.0), (25.0,), (100.0,), (10.0, 20.0), (None,)])
def test_a_rollback_ends_with_all_traffic_on_stable_and_the_canary_parked(percents: tuple[float | None, ...]) -> None:
    plan = plan_rollback(info(service(4), service(4), *percents), SETTINGS)
    assert plan["steps"] == [{"percent": 0.0}]
    assert plan["canary_after"] == {"desired": 2, "min": 2, "max": 2}


def test_a_canary_that_has_traffic_is_parked_even_where_it_reads_as_if_it_rested() -> None:
    """The reading may be behind the shift that sized it: the promotion that believed it left the canary its bounds."""
    at_rest = service(2, (2, 2))
    for plan in (plan_rollback(info(service(4), at_rest, 100.0), SETTINGS), promote(info(service(4), at_rest, 100.0))):
        assert plan["canary_after"] == {"desired": 2, "min": 2, "max": 2}


@pytest.mark.parametrize("flow", ["shift", "rollback", "promote"])
@pytest.mark.parametrize(
    ("sticky", "group", "stickiness", "keeps"),
    [
        (0, 0, "preserve", False),
        (600, 0, "preserve", True),
        (600, 0, "disable", False),
        # AWS keeps the rule sticky then.
        (600, 60, "disable", True),
    ],
)
def test_a_canary_keeps_its_tasks_while_clients_may_be_stuck_to_it(
    flow: str, sticky: int, group: int, stickiness: str, keeps: bool
) -> None:
    live = info(service(8, (2, 8)), service(8, (2, 8)), 100.0, 100.0)
    live["stable"]["target_group"]["sticky_seconds"] = group
    live["rules"][1]["sticky_seconds"] = sticky
    settings = replace(SETTINGS, stickiness=stickiness)
    plan = {
        "shift": lambda: plan_shift(live, settings, target_of(percent=25)),
        "rollback": lambda: plan_rollback(live, settings),
        "promote": lambda: plan_promote(live, settings, take="task_definition", return_step=5),
    }[flow]()
    assert plan["stuck_seconds"] == (sticky if keeps else 0)
    assert bool(plan["canary_after"]) is not keeps


def test_a_canary_that_loses_no_task_by_it_is_parked_on_a_sticky_rule_too() -> None:
    live = info(service(4), service(2, (2, 4)), 25.0)
    live["rules"][0]["sticky_seconds"] = 600
    plan = plan_rollback(live, SETTINGS)
    assert (plan["canary_after"], plan["stuck_seconds"]) == ({"desired": 2, "min": 2, "max": 2}, 0)


def test_the_same_flow_again_takes_the_tasks_away() -> None:
    """Once the traffic is where it was to be, nobody is sent to the canary that has not been there before."""
    stable, canary = service(8, (2, 8)), service(8, (8, 8))
    parked, shifted = info(stable, canary, 0.0), info(stable, canary, 25.0)
    for live in (parked, shifted):
        live["rules"][0]["sticky_seconds"] = 600
    assert plan_rollback(parked, SETTINGS)["canary_after"]["desired"] == 2
    assert promote({**parked, "promoted": True})["canary_after"]["desired"] == 2
    assert shift(shifted, 25)["canary_after"]["desired"] == 2


def test_a_rollback_of_what_is_rolled_back_rests() -> None:
    plan = plan_rollback(info(service(4), service(2, (2, 2)), 0.0), SETTINGS)
    assert plan["canary_after"] == {}
    assert plan["stable_ahead"] == {}


@pytest.mark.parametrize(
    ("stable", "canary", "percent", "before"),
    [
        # Large and healthy enough: the traffic moves at once.
        (service(10), service(5), 50.0, {}),
        (service(4), service(2), 5.0, {}),
        # Scaled in while the canary had the traffic.
        (service(2), service(10), 100.0, {"desired": 10, "min": 10}),
        (service(5), service(5), 50.0, {"desired": 10, "min": 10}),
        (service(2, (2, 6)), service(10), 100.0, {"desired": 6, "min": 6}),
        # A busy canary raises the estimate: with four fifths of it, half of them healthy, the traffic does not wait.
        (service(40, (2, 60)), service(4, (2, 6)), 5.0, {}),
        (service(8, healthy=5), service(3, (2, 6)), 20.0, {}),
        (service(8, healthy=4), service(3, (2, 6)), 20.0, {"desired": 10, "min": 10}),
        (service(8), service(4, (2, 6)), 25.0, {"desired": 11, "min": 11}),
        # Tasks that are not healthy are waited for; none at all are brought back.
        (service(4, healthy=1), service(2), 25.0, {"desired": 4, "min": 4}),
        (service(0, None), service(2), 25.0, {"desired": 2}),
        (service(0, None), service(5), 100.0, {"desired": 5}),
        # Never more than its owner lets it have.
        (service(0, (0, 1)), service(2), 100.0, {"desired": 1, "min": 1}),
        (service(0, (0, 1)), service(2), 0.0, {"desired": 1, "min": 1}),
        (service(0, (0, 4)), service(2), 0.0, {"desired": 2, "min": 2}),
    ],
)
def test_a_rollback_brings_stable_to_the_size_of_the_traffic(
    stable: dict[str, Any], canary: dict[str, Any], percent: float, before: dict[str, int]
) -> None:
    assert plan_rollback(info(stable, canary, percent), SETTINGS)["stable_ahead"] == before


def promote(live: Any, *, take: str = "task_definition", step: Any = 5) -> dict[str, Any]:
    return plan_promote(live, SETTINGS, take=take, return_step=step)


@pytest.mark.parametrize(
    ("deployments", "refused"),
    [
        ([("PRIMARY", "IN_PROGRESS", 2), ("ACTIVE", "COMPLETED", 1)], True),
        ([("PRIMARY", "FAILED", 2)], True),
        ([], True),
        ([("PRIMARY", "COMPLETED", 2), ("ACTIVE", "COMPLETED", 0)], False),
        ([("PRIMARY", "COMPLETED", 2)], False),
    ],
)
def test_a_canary_between_two_releases_is_refused_before_stable_is_sized(
    deployments: list[tuple[str, str, int]], refused: bool
) -> None:
    canary = {**service(2), "deployments": [deployment(*each) for each in deployments]}
    if refused:
        with pytest.raises(CanaryError, match=r"between two, .* deployments are .* Nothing was changed"):
            promote(info(service(2), canary, 100.0))
    else:
        assert promote(info(service(2), canary, 100.0))["steps"]


@pytest.mark.parametrize(
    ("releases", "images", "origin", "when"),
    [
        (("cart:2", "cart:2"), ("v2", "v2"), None, "first"),
        (("cart:2", "cart-canary:2"), ("v2", "v2"), "cart-canary:2", "first"),
        # Releases that differ by their settings alone.
        (("cart:2", "cart-canary:2"), ("v2", "v2"), None, "last"),
        (("cart:2", "cart-canary:3"), ("v2", "v2"), "cart-canary:2", "last"),
        (("cart:2", "cart-canary:3"), ("v2", "v3"), "cart-canary:2", "last"),
    ],
)
def test_a_release_is_restored_ahead_of_the_traffic_where_stable_has_that_of_the_canary(
    releases: tuple[str, str], images: tuple[str, str], origin: str | None, when: str
) -> None:
    stable, canary = (
        {**service(2), "task_definition": release, "images": {"app": image}}
        for release, image in zip(releases, images, strict=True)
    )
    stable["promoted_from"] = origin
    live = info(stable, canary, 25.0)
    assert plan_rollback(live, SETTINGS, restore=True)["restores"] == when
    assert plan_rollback(live, SETTINGS)["restores"] == ""


@pytest.mark.parametrize(
    ("desired", "healthy", "percent", "at_once"),
    [
        (10, 10, 25.0, False),
        (14, 14, 25.0, True),
        (14, 7, 25.0, True),
        (14, 6, 25.0, False),
        (14, 0, 0.0, True),
        (0, 0, 0.0, False),
    ],
)
def test_the_traffic_moves_at_once_where_stable_is_sized_and_half_of_it_healthy(
    desired: int, healthy: int, percent: float, at_once: bool
) -> None:
    plan = plan_rollback(info(service(desired, healthy=healthy), service(4), percent), SETTINGS)
    assert (plan["stable_ahead"] == {}) is at_once


@pytest.mark.parametrize(("canary", "seconds"), [(8, 900), (2, 0), (1, 0)])
def test_tasks_that_leave_may_drain_for_as_long_as_their_group_says(canary: int, seconds: int) -> None:
    leaving = service(canary, (canary, 10))
    live = info(service(10), {**leaving, "target_group": {"healthy": canary, "deregistration_delay": 900}}, 0.0)
    assert plan_rollback(live, SETTINGS)["drain_seconds"] == seconds


@pytest.mark.parametrize(("percents", "says"), [((25.0,), "25 %"), ((0.0,), "0 %"), ((100.0, 50.0), "each rule")])
def test_a_canary_without_all_traffic_is_not_promoted(percents: tuple[float, ...], says: str) -> None:
    with pytest.raises(CanaryError, match=f"{says}.*percent=100"):
        promote(info(service(2), service(2), *percents))


@pytest.mark.parametrize(
    ("take", "stable", "says"),
    [
        ("task_definition", {"deployment_controller": "CODE_DEPLOY"}, "controller CODE_DEPLOY"),
        ("image", {"deployment_controller": "EXTERNAL"}, "controller EXTERNAL"),
        ("task_definition", {"deployment_strategy": "BLUE_GREEN"}, "strategy BLUE_GREEN"),
        ("image", {"images": {"app": "app:1", "proxy": "envoy:1"}}, "only stable has proxy"),
    ],
)
def test_a_release_that_stable_cannot_take_is_refused_before_it_is_sized(
    take: str, stable: dict[str, Any], says: str
) -> None:
    with pytest.raises(CanaryError, match=says):
        promote(info({**service(2), **stable}, service(4), 100.0), take=take)
    promoted = info({**service(2), **stable}, service(4), 50.0, promoted=True)
    if "images" in stable:
        assert promote(promoted, take=take)["promoted"], "it has them, and only the traffic is left to return"
    else:
        with pytest.raises(CanaryError, match=says):
            promote(promoted, take=take)


@pytest.mark.parametrize(
    ("stable", "canary", "ahead"),
    [
        (service(0, (0, 4)), service(2, (2, 4)), {"desired": 2, "min": 2}),
        (service(0, (0, 4)), service(3, (2, 4)), {"desired": 3, "min": 3}),
        (service(0, (0, 1)), service(2, (2, 4)), {"desired": 1, "min": 1}),
        (service(0, None), service(0, None), {"desired": 1}),
    ],
)
def test_a_promotion_starts_a_stable_service_that_was_scaled_in_to_none(
    stable: dict[str, Any], canary: dict[str, Any], ahead: dict[str, int]
) -> None:
    assert promote(info(stable, canary, 100.0))["stable_ahead"] == ahead


def test_a_shift_back_starts_a_stable_service_that_was_scaled_in_to_none() -> None:
    assert shift(info(service(0, (0, 4)), service(2, (2, 4)), 100.0), 50)["stable_ahead"] == {"desired": 1, "min": 1}
    assert shift(info(service(0, (0, 8)), service(8, (2, 8)), 100.0), 50)["stable_ahead"] == {"desired": 4, "min": 4}


def test_a_promotion_holds_stable_up_while_the_traffic_returns() -> None:
    plan = promote(info(service(2), service(10, (10, 20)), 100.0))
    assert plan["stable_ahead"] == {"desired": 10, "min": 10}
    assert [step["percent"] for step in plan["steps"]] == [float(percent) for percent in range(95, -1, -5)]
    assert plan["canary_after"] == {"desired": 2, "min": 2, "max": 2}


def test_a_promotion_leaves_a_stable_service_without_autoscaling_without() -> None:
    plan = promote(info(service(2, None), service(10, None), 100.0))
    assert plan["stable_ahead"] == {"desired": 10}
    assert plan["canary_after"] == {"desired": 2}


def test_a_promotion_never_passes_stables_max() -> None:
    plan = promote(info(service(2, (2, 6)), service(10), 100.0))
    assert plan["stable_ahead"] == {"desired": 6, "min": 6}


@pytest.mark.parametrize("percents", [(100.0,), (60.0,), (60.0, 55.0)])
def test_an_interrupted_promotion_goes_on(percents: tuple[float, ...]) -> None:
    plan = promote(info(service(4), service(4), *percents, promoted=True), step=20)
    assert plan["promoted"]
    assert plan["steps"][-1]["percent"] == 0.0


def test_a_promotion_that_is_through_has_nothing_to_do() -> None:
    plan = promote(info(service(4), service(2, (2, 2)), 0.0, promoted=True))
    assert (plan["stable_ahead"], plan["canary_after"]) == ({}, {})
    assert [step["percent"] for step in plan["steps"]] == [0.0]


def test_images_alone_tell_a_promotion_by_images() -> None:
    live = info(service(4), service(4), 40.0)
    assert promote(live, take="image")["promoted"]
    with pytest.raises(CanaryError):
        promote(live)


counts = st.integers(0, 30)


@given(stable=counts, canary=counts, now=st.integers(0, 100), percent=st.integers(0, 100))
def test_who_takes_more_is_sized_before_and_who_takes_less_after(
    stable: int, canary: int, now: int, percent: int
) -> None:
    plan = shift(info(service(stable, (0, 30)), service(canary, (0, 60)), float(now)), percent)
    assert not (plan["canary_ahead"] and plan["canary_after"])
    assert plan["canary_ahead"].get("desired", canary) >= canary
    assert plan["stable_ahead"].get("desired", stable) >= stable
    if percent > now:
        assert plan["canary_after"] == {}
    if percent < now:
        assert plan["canary_ahead"] == {}


@pytest.mark.parametrize(
    ("settings", "name"),
    [(Settings.to_shift, name) for name in ("least_desired", "least_max", "park_desired")]
    + [(Settings.to_park, name) for name in ("least_desired", "park_desired", "park_min", "park_max")],
)
def test_settings_that_are_no_counts_are_refused_by_name(settings: Any, name: str) -> None:
    with pytest.raises(CanaryError, match=name):
        settings({**DEFAULTS, name: "many"})


@pytest.mark.parametrize("canary", [service(3, (3, 6)), service(3, (2, 6)), service(2, (2, 6))])
def test_a_shift_down_that_was_cut_off_after_its_weights_sizes_the_canary_all_the_same(canary: dict[str, Any]) -> None:
    """Killed before the first, the second and the last write of the canary's size."""
    plan = shift(info(service(3, (2, 6)), canary, 25.0), 25)
    assert plan["canary_after"] == {"desired": 2, "min": 2, "max": 4}
    assert plan["canary_ahead"] == {}


def test_a_canary_that_its_autoscaler_has_grown_keeps_its_size_at_the_same_share() -> None:
    plan = shift(info(service(3, (2, 6)), service(4, (2, 4)), 25.0), 25)
    assert (plan["canary_ahead"], plan["canary_after"]) == ({}, {})


@given(count=st.integers(1, 20), spare=st.integers(0, 20), start=st.integers(1, 100), end=st.integers(1, 100))
def test_a_shift_repeated_has_nothing_to_size(count: int, spare: int, start: int, end: int) -> None:
    stable = service(count, (1, count + spare))
    first = done(service(2, (2, 2)), shift(info(stable, service(2, (2, 2)), 0.0), start))
    moved = done(first, shift(info(stable, first, float(start)), end))
    again = shift(info(stable, moved, float(end)), end)
    assert (again["canary_ahead"], again["canary_after"]) == ({}, {})


def done(canary: dict[str, Any], plan: dict[str, Any]) -> dict[str, Any]:
    """The canary after a plan."""
    now = {name: canary[name] for name in ("desired", "min", "max")} | plan["canary_ahead"] | plan["canary_after"]
    return service(now["desired"], (now["min"], now["max"]))


@pytest.mark.parametrize("percent", [100.0, 0.0])
def test_a_stable_service_that_somebody_stopped_is_started_within_its_bounds(percent: float) -> None:
    """Its autoscaler starts none: a service without tasks has no metrics."""
    stopped = info(service(0, (3, 10)), service(2, (2, 4)), percent)
    plan = plan_rollback(stopped, SETTINGS)
    assert plan["stable_ahead"] == {"desired": 3, "min": 3}


def test_a_stable_service_that_is_at_its_own_min_is_not_held_and_not_waited_for() -> None:
    assert promote(info(service(2, (2, 4)), service(2, (2, 2)), 100.0))["holds"] is False
    assert promote(info(service(8, (2, 8)), service(8, (2, 8)), 100.0))["holds"] is True
    assert promote(info({**service(8, (8, 8)), "held_from": 2}, service(8, (2, 8)), 100.0))["holds"] is True


@given(flow=st.sampled_from(["shift", "rollback", "promote"]), count=st.integers(0, 20), low=st.integers(0, 9))
def test_stable_is_never_sized_beyond_its_bounds(flow: str, count: int, low: int) -> None:
    live = info(service(count, (low, 9)), service(12, (2, 20)), 100.0)
    plan = {"shift": lambda: shift(live, 50), "rollback": lambda: plan_rollback(live, SETTINGS)}.get(
        flow, lambda: promote(live)
    )()
    ahead = plan["stable_ahead"]
    assert not ahead or low <= ahead["min"] == ahead["desired"] <= 9
    assert plan["holds"] is (bool(ahead) and ahead["min"] != low)
