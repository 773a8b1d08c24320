# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows against an API that refuses, loses answers and tells of yesterday; and against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from lab.faults import client as faults
from tests.integration.application import Application, no_failure

ROUNDS = 2
DEPLOYED = {"stable_desired": 3}
READS = ("elasticloadbalancing", "ecs", "application-autoscaling")


@contextmanager
def faulty(application: Application, *choices: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The lab with faults; the list is filled with its calls, by anybody, when the context ends."""
    since = max(call["number"] for call in faults.calls(application.lab))
    calls: list[dict[str, Any]] = []
    for choice in choices:
        faults.add(application.lab, **choice)
    try:
        yield calls
    finally:
        calls += faults.calls(application.lab, since=since)
        faults.clear(application.lab)


def test_lost_connections_repeat_nothing_that_must_not_be(application: Application) -> None:
    """Each write breaks twice: before it takes effect, and when it is made again, after."""
    writes = ("ModifyRule", "UpdateService", "RegisterTaskDefinition", "RegisterScalableTarget")
    kinds = {"reset-before": 1, "reset-after": 2}
    breaks = [{"kind": kind, "operation": write, "calls": [call]} for write in writes for kind, call in kinds.items()]
    known = revisions(application)
    with application.traffic() as traffic:
        begin = traffic.mark()
        with faulty(application, *breaks) as calls:
            application.succeed("canary.yml", percent=100)
            application.succeed("promote.yml", take="image", return_step=50)
        no_failure(traffic.report(since=begin))
    lost = Counter(call["operation"] for call in calls if call["status"] == 0)
    assert lost == dict.fromkeys(writes, 2), "each of them did break"
    assert sum(call["operation"] == "RegisterTaskDefinition" for call in calls) == 2
    assert revisions(application) - known == {application.service("Stable")["taskDefinition"]}, "one revision more"
    assert application.image("Stable") == "shop:v2"
    assert application.split() == (100, 0)
    assert application.capacity("Stable") == (2, 3, 4)


def test_a_life_with_every_third_call_throttled_fails_no_request(application: Application) -> None:
    with application.traffic() as traffic:
        begin = traffic.mark()
        with faulty(application, {"kind": "throttle", "share": 0.3}) as calls:
            application.succeed("deploy.yml", canary_image="shop:v3")
            application.succeed("canary.yml", percent=50)
            application.succeed("rollback.yml")
            application.succeed("canary.yml", percent=100)
            application.succeed("promote.yml", return_step=50)
        no_failure(traffic.report(since=begin))
    refused = sum(call["status"] == 400 for call in calls)
    assert refused / len(calls) == pytest.approx(0.3, abs=0.1)
    assert application.split() == (100, 0)
    assert application.image("Stable") == "shop:v3"
    assert application.capacity("Stable") == (2, 3, 4)
    assert application.capacity("Canary") == (2, 2, 2)


def revisions(application: Application) -> set[str]:
    """All task definitions there are."""
    return set(application.client("ecs").list_task_definitions()["taskDefinitionArns"])


def test_answers_from_before_a_write_mislead_nobody(application: Application) -> None:
    stale = [{"kind": "stale", "service": service, "operation": "Describe*", "share": 0.3} for service in READS]
    with application.traffic() as traffic:
        begin = traffic.mark()
        with faulty(application, *stale):
            application.succeed("canary.yml", percent=100)
            application.succeed("rollback.yml")
        no_failure(traffic.report(since=begin))
    assert application.split() == (100, 0)
    assert application.capacity("Canary") == (2, 2, 2)


@pytest.fixture
def two_rules(application: Application) -> Iterator[list[str]]:
    """The stack's rule, and another one of the same pair of groups."""
    elbv2, rule = application.client("elbv2"), application.outputs["RuleArn"]
    actions = elbv2.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"]
    other: str = elbv2.create_rule(
        ListenerArn=application.outputs["ListenerArn"],
        Priority=7,
        Conditions=[{"Field": "path-pattern", "Values": ["/other*"]}],
        Actions=[{"Type": "forward", "ForwardConfig": actions[-1]["ForwardConfig"]}],
    )["Rules"][0]["RuleArn"]
    yield [rule, other]
    elbv2.delete_rule(RuleArn=other)


def test_of_two_shifts_at_once_one_wins(application: Application, two_rules: list[str]) -> None:
    """They never leave a mixture, also where AWS holds their writes back, and whoever loses says so."""
    throttled = {"kind": "throttle", "operation": "ModifyRule", "share": 0.5}
    for turn in range(1, ROUNDS + 1):
        percents = (10 * turn, 10 * turn + 5)
        with faulty(application, *[throttled][: turn - 1]), ThreadPoolExecutor() as pool:
            played = list(pool.map(lambda percent: application.play("canary.yml", percent=percent), percents))
        splits = {application.split(rule) for rule in two_rules}
        assert len(splits) == 1, f"a mixture: {splits}"
        won = {(100 - percent, percent) for percent, each in zip(percents, played, strict=True) if each.ok}
        assert splits <= won, f"the rules are at {splits}, the shifts that ended well at {won}"
        for each in played:
            assert each.ok or says_who_was_first(each.output), each.output


def says_who_was_first(output: str) -> bool:
    """Whether a shift that lost tells why, and no more than that."""
    reasons = ("from_percent is", "Somebody else changed", "something else changes it at the same time")
    return any(reason in output for reason in reasons) and "Traceback" not in output
