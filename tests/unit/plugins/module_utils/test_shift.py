# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two shifts of the same rules at once, in whatever order their calls reach AWS: never a mixture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils import _shift
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.rules import Groups, Rule, plan
from ansible_collections.canary.ecs.plugins.module_utils._canary.split import Split
from hypothesis import given, settings
from hypothesis import strategies as st

LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/1/2"
RULES = [f"{LISTENER.replace(':listener/', ':listener-rule/')}/{number}" for number in (1, 2, 3)]
GROUPS = Groups(stable=":targetgroup/stable/1", canary=":targetgroup/canary/2")
BEFORE = Split(100, 0)
WANTED = {"first": Split(75, 25), "second": Split(50, 50)}


def actions(split: Split) -> list[dict[str, Any]]:
    weights = {GROUPS.stable: split.stable, GROUPS.canary: split.canary}
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


class Turns:
    """Lets one of several threads go on at a time, from one call or sleep to its next; a call takes `CALL` seconds.

    Between its start and its effect a call can take any time that the others need for theirs, but no sleep of theirs.
    """

    CALL = 0.1

    def __init__(self) -> None:
        self.now = 0.0
        self.wakes: dict[str, float] = {}
        self._go: dict[str, threading.Semaphore] = {}
        self._stopped = threading.Semaphore(0)

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Start a thread, and let it run to its first call."""

        def run() -> None:
            work()
            self._stopped.release()

        self._go[name] = threading.Semaphore(0)
        threading.Thread(target=run, name=name, daemon=True).start()
        self._stopped.acquire()

    def wait(self, seconds: float) -> None:
        """In a thread: let the others go first, and sleep for as long."""
        name = threading.current_thread().name
        self.wakes[name] = self.now + seconds
        self._stopped.release()
        self._go[name].acquire()

    def pass_on(self, order: Iterator[bool]) -> None:
        """Let all threads run to their ends, in this order as far as they are awake."""
        while self.wakes:
            awake = sorted(name for name, at in self.wakes.items() if at <= self.now)
            if not awake:
                self.now = min(self.wakes.values())
                continue
            name = awake[next(order, False) % len(awake)]
            self.now += self.CALL
            del self.wakes[name]
            self._go[name].release()
            self._stopped.acquire()


class Balancer:
    """The rules, as a client that takes its turn before each call."""

    def __init__(self, turns: Turns, splits: list[Split]) -> None:
        self._turns = turns
        self.rules = dict(zip(RULES, splits, strict=True))

    def describe_rules(self, *, aws_retry: bool, RuleArns: list[str]) -> dict[str, Any]:
        self._turns.wait(0)
        found = [(arn, self.rules[arn]) for arn in RuleArns]
        return {"Rules": [{"RuleArn": arn, "Priority": arn[-1], "Actions": actions(split)} for arn, split in found]}

    def modify_rule(self, *, aws_retry: bool, RuleArn: str, Actions: list[dict[str, Any]]) -> dict[str, Any]:
        self._turns.wait(0)
        weights = [group["Weight"] for group in Actions[-1]["ForwardConfig"]["TargetGroups"]]
        self.rules[RuleArn] = Split(*weights)
        return {}


def shift(balancer: Balancer, split: Split) -> bool:
    """Shift all rules from where they are to a split; whether that went well."""
    rules = [Rule(arn, LISTENER, int(arn[-1]), tuple(actions(now))) for arn, now in balancer.rules.items()]
    changes = plan(rules, GROUPS, split, stickiness_off=False)
    try:
        _shift.write(_shift.Elbv2Clients(balancer, balancer), changes, GROUPS, on_failure="put_back")
    except CanaryError as error:
        assert "Somebody else changed" in str(error)
        return False
    return True


@settings(max_examples=500, deadline=None)
@given(
    order=st.lists(st.booleans(), max_size=60),
    before=st.sampled_from([BEFORE, *WANTED.values()]),
)
def test_two_shifts_at_once_never_leave_a_mixture(order: list[bool], before: Split) -> None:
    turns = Turns()
    balancer = Balancer(turns, [before] * 3)
    won: dict[str, bool] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", turns.wait)
        patch.setattr(time, "monotonic", lambda: turns.now)
        for name, split in WANTED.items():
            turns.start(name, lambda name=name, split=split: won.update({name: shift(balancer, split)}))
        turns.pass_on(iter(order))
    assert won.keys() == WANTED.keys(), "one of them broke"
    assert len(set(balancer.rules.values())) == 1, balancer.rules
    (live,) = set(balancer.rules.values())
    assert not any(won.values()) or live in [WANTED[name] for name in won if won[name]]
