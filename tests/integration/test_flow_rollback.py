# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roll back from each share, under load: all clients see the old version again, and none of them an error."""

from __future__ import annotations

import itertools
import time

import pytest

from lab.client import calls_of, last_call_of
from tests.application import Application, no_failure, seen, until
from tests.handmade import forward
from tests.integration.faulty import faulty
from tests.killing import Moment, killed


@pytest.mark.parametrize("percent", [5, 25, 50, 100])
def test_a_rollback_brings_every_client_back(application: Application, percent: int) -> None:
    application.succeed("canary.yml", percent=percent)
    with application.traffic() as traffic:
        begin = traffic.mark()
        seen(traffic, percent)
        application.succeed("rollback.yml")
        seen(traffic, 100, version="v1")
        no_failure(traffic.report(since=begin))
    assert application.split() == (100, 0)
    assert application.capacity("Canary") == (2, 2, 2)
    assert application.image("Stable") == "shop:v1"


def test_rolling_back_again_changes_nothing(application: Application) -> None:
    before = application.state
    assert "changed=0" in application.succeed("rollback.yml").output
    assert application.state == before


def test_a_canary_may_rest_without_a_task_and_is_started_for_its_next_share(application: Application) -> None:
    application.succeed("canary.yml", percent=25)
    with application.traffic() as traffic:
        begin = traffic.mark()
        application.succeed("rollback.yml", park_desired=0, park_min=0, park_max=0)
        assert (application.capacity("Canary"), application.healthy("Canary")) == ((0, 0, 0), 0)
        application.succeed("canary.yml", percent=25)
        seen(traffic, 25)
        no_failure(traffic.report(since=begin))
    application.succeed("rollback.yml")


def test_stable_keeps_its_size_until_the_traffic_is_there(application: Application) -> None:
    """Its autoscaler has taken it in while it was idle, and would do so again while its new tasks start."""
    application.resize("Stable", 2, 3, 4)
    application.succeed("canary.yml", percent=100)
    application.hurry("Stable")
    until(lambda: application.capacity("Stable") == (2, 2, 4), seconds=30, what="idle stable is scaled in")
    with application.traffic() as traffic:
        begin = traffic.mark()
        application.succeed("rollback.yml")
        seen(traffic, 100, version="v1")
        no_failure(traffic.report(since=begin))
    assert (application.capacity("Stable"), application.healthy("Stable")) == ((2, 3, 4), 3)
    assert (application.split(), application.capacity("Canary")) == ((100, 0), (2, 2, 2))


def test_stable_keeps_its_size_until_its_autoscaling_sees_the_load(application: Application) -> None:
    """At 0 % the canary keeps its tasks, so that nothing else takes time between the last weight and the end."""
    application.succeed("canary.yml", percent=100)
    application.hurry("Stable")
    until(lambda: application.capacity("Stable") == (2, 2, 4), seconds=30, what="idle stable is scaled in")
    application.resize("Canary", 3, 3, 4)
    application.succeed("canary.yml", percent=0)
    time.sleep(2)
    assert application.capacity("Stable") == (2, 3, 4)
    application.resize("Stable", 2, 2, 4)
    application.succeed("rollback.yml")


def test_the_canary_keeps_its_tasks_for_a_rule_that_was_not_named(application: Application) -> None:
    second = application.second_rule()
    application.succeed("canary.yml", percent=100)
    sized = application.capacity("Canary")
    with application.traffic() as traffic:
        begin = traffic.mark()
        told = application.succeed("rollback.yml", rules=application.outputs["RuleArn"]).output
        no_failure(traffic.report(since=begin))
    assert (application.split(), application.split(second)) == ((100, 0), (0, 100))
    assert application.capacity("Canary") == sized != (2, 2, 2)
    assert f"rule {second} (100 %)" in " ".join(told.split())
    application.succeed("rollback.yml")
    assert (application.split(second), application.capacity("Canary")) == ((100, 0), (2, 2, 2))
    application.client("elbv2").delete_rule(RuleArn=second)


def test_stable_stays_held_where_a_shift_fails_with_traffic_on_its_way(application: Application) -> None:
    """Its autoscaler sees nothing yet of what the first step has brought. The next flow gives it its own min back."""
    application.succeed("canary.yml", percent=100)
    application.hurry("Stable")
    until(lambda: application.capacity("Stable") == (2, 2, 4), seconds=30, what="idle stable is scaled in")
    application.resize("Canary", 3, 3, 4)
    with faulty(application, {"kind": "error", "operation": "ModifyRule", "calls": list(range(2, 30))}):
        played = application.fail("canary.yml", percent=0, step=50, interval=0)
    assert application.split() == (50, 50)
    assert "keeps the min that it is held at" in " ".join(played.output.split())
    time.sleep(4)
    assert application.capacity("Stable") == (3, 3, 4)
    assert "held at 3 tasks or more, its own min is 2" in " ".join(application.succeed("status.yml").output.split())
    application.succeed("rollback.yml")
    assert application.capacity("Stable") == (2, 3, 4)
    application.resize("Stable", 2, 2, 4)


def test_there_is_no_release_to_take_back_where_none_was_promoted(application: Application) -> None:
    before = application.state
    refused = application.play("rollback.yml", restore=True)
    assert refused.returncode != 0
    assert "does not remember a release" in refused.output
    assert application.state == before


def test_a_rollback_in_the_middle_of_a_promotion_brings_the_old_release_back(application: Application) -> None:
    """Stable has the new release already, and some of the traffic, when the promotion is killed."""
    application.succeed("canary.yml", percent=100)
    returned = Moment(2, "ModifyRule", after=True)
    assert killed(application, "promote.yml", returned, return_step=25)
    assert (application.image("Stable"), application.split()) == ("shop:v2", (50, 50))
    with application.traffic() as traffic:
        begin = traffic.mark()
        application.succeed("rollback.yml", restore="true")
        seen(traffic, 100, version="v1")
        no_failure(traffic.report(since=begin))
    assert (application.image("Stable"), application.split()) == ("shop:v1", (100, 0))
    assert application.capacity("Canary") == (2, 2, 2)
    before = application.state
    assert "changed=0" in application.succeed("rollback.yml", restore="true").output
    assert application.state == before


def test_stable_is_not_replaced_while_the_load_balancer_may_still_send_it_requests(application: Application) -> None:
    """The last weights were written a moment before the promotion begins."""
    outputs = application.outputs
    weights = {outputs["StableTargetGroupArn"]: 0, outputs["CanaryTargetGroupArn"]: 1}
    since = last_call_of(application.lab)
    application.client("elbv2").modify_rule(RuleArn=outputs["RuleArn"], Actions=[forward(weights)])
    application.succeed("promote.yml", propagation_delay=20)
    calls = calls_of(application.lab, since=since)
    replaced = [call["operation"] for call in calls].index("UpdateService")
    pauses = [after["time"] - before["time"] for before, after in itertools.pairwise(calls[: replaced + 1])]
    assert max(pauses) > 20, "nothing is asked of AWS meanwhile"
