# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that are killed in the middle of a call, and run again: a sample of what ``make chaos`` sweeps."""

from __future__ import annotations

from tests.application import FEW, Application, no_failure, seen
from tests.killing import Moment, killed

DEPLOYED = {"stable_desired": 3, "stable_max": 6}


def test_a_shift_goes_on_from_where_it_was_killed(application: Application) -> None:
    with application.traffic(rate=FEW) as traffic:
        begin = traffic.mark()
        # The canary has its new count but not yet its new min; then all of its size, and none of the traffic.
        assert killed(application, "canary.yml", Moment(1, "UpdateService", after=True), percent=100)
        assert killed(application, "canary.yml", Moment(1, "ModifyRule"), percent=100)
        application.succeed("canary.yml", percent=100)
        no_failure(traffic.report(since=begin))
    assert application.split() == (0, 100)
    assert application.capacity("Canary") == (3, 3, 6)
    assert application.capacity("Stable") == (2, 3, 6)


def test_a_rollback_takes_over_from_a_shift_that_was_killed_between_two_rules(application: Application) -> None:
    other = application.second_rule()
    with application.traffic(rate=FEW) as traffic:
        begin = traffic.mark()
        application.succeed("rollback.yml")
        assert killed(application, "canary.yml", Moment(2, "ModifyRule"), percent=50)
        assert sorted(application.split(rule) for rule in application.rules()) == [(50, 50), (100, 0)]
        application.succeed("rollback.yml")
        assert [application.split(rule) for rule in application.rules()] == [(100, 0)] * 2
        assert application.capacity("Canary") == (2, 2, 2)
        application.succeed("canary.yml", percent=100)
        no_failure(traffic.report(since=begin))
    application.client("elbv2").delete_rule(RuleArn=other)


def test_a_rollback_takes_over_from_a_promotion_that_was_killed(application: Application) -> None:
    with application.traffic() as traffic:
        begin = traffic.mark()
        # Stable is held at a min that is not its own; is taking the release; has it, and half of the traffic.
        assert killed(application, "promote.yml", Moment(1, "RegisterScalableTarget", after=True))
        assert killed(application, "promote.yml", Moment(1, "UpdateService", after=True))
        assert killed(application, "promote.yml", Moment(2, "ModifyRule"), return_step=50)
        assert application.split() == (50, 50)
        assert killed(application, "rollback.yml", Moment(1, "ModifyRule", after=True))
        played = application.succeed("rollback.yml")
        seen(traffic, 100)
        no_failure(traffic.report(since=begin))
    assert "Stable runs shop:v2" in played.output
    assert application.split() == (100, 0)
    assert application.capacity("Stable") == (2, 3, 6), "the min of before the promotion"
    assert application.capacity("Canary") == (2, 2, 2)
    assert application.image("Stable") == "shop:v2"
    assert application.healthy("Stable") == 3
