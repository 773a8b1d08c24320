# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that learn late what is: from answers of before a write, and of each other's writes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.client import faults_of
from tests.application import FEW, Application, no_failure
from tests.integration.faulty import faulty

ROUNDS = 2
READS = ("elasticloadbalancing", "ecs", "application-autoscaling")


def test_answers_from_before_a_write_mislead_nobody(application: Application) -> None:
    stale = [{"kind": "stale", "service": service, "operation": "Describe*", "share": 0.3} for service in READS]
    with application.traffic(rate=FEW) as traffic:
        begin = traffic.mark()
        application.succeed("deploy.yml", canary_image="shop:v4")
        with faulty(application, *stale):
            application.succeed("canary.yml", percent=100, step=50, interval=0)
            application.succeed("rollback.yml")
            application.succeed("canary.yml", percent=100)
            promote(application)
            assert all(fault["hits"] for fault in faults_of(application.lab)), "each service told of yesterday"
        no_failure(traffic.report(since=begin))
    assert application.split() == (100, 0)
    assert application.image("Stable") == "shop:v4"
    assert application.capacity("Canary") == (2, 2, 2)


def promote(application: Application) -> None:
    """A promotion that reads of less than all traffic on the canary is refused ahead of any change, and repeated."""
    for _attempt in range(5):
        played = application.play("promote.yml", return_step=50)
        if "only when it takes all" not in played.output:
            break
    assert played.ok, played.output


@pytest.fixture
def two_rules(application: Application) -> Iterator[list[str]]:
    """The stack's rule, and another one of the same pair of groups."""
    other = application.second_rule()
    yield application.rules()
    application.client("elbv2").delete_rule(RuleArn=other)


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
        # Held back by AWS as well, both may end with an error.
        assert won or turn > 1, [each.output for each in played]
        assert not won or splits <= won, f"the rules are at {splits}, the shifts that ended well at {won}"
        for each in played:
            assert each.ok or says_who_was_first(each.output), each.output


def says_who_was_first(output: str) -> bool:
    """Whether a shift that lost tells why, and no more than that."""
    reasons = ("from_percent is", "Somebody else changed", "something else changes it at the same time")
    return any(reason in output for reason in reasons) and "Traceback" not in output
