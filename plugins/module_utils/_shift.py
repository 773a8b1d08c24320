# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a shift rule by rule, read every rule back, and when a write fails put back those already written.

Elastic Load Balancing has no conditional write. Rules are therefore written in one order, that of their ARNs, and
before each further write those written so far are read back: of two shifts at once, the one that wrote the first rule
last goes on, and the other ends with an error. No write is repeated blindly either, for a shift that AWS throttles
falls behind another: ahead of every attempt but the first the rules are looked at again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import AwsError
from ansible_collections.canary.ecs.plugins.module_utils._aws.elbv2 import rules_by_arn, set_actions
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import poll_until
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.rules import (
    Change,
    Groups,
    Rule,
    described,
    is_now,
    is_still,
    sendable,
)

# How long a read may still show what was there before a write that AWS has answered.
READ_BACK_SECONDS = 15.0
READ_BACK_INTERVAL = 0.5

# How often a write is tried, and how long at most to pause between two attempts, in seconds.
ATTEMPTS = 11
LONGEST_PAUSE = 8.0

Live = dict[str, Rule]


@dataclass(frozen=True)
class Clients:
    """Two clients of Elastic Load Balancing: one repeats what may be repeated, the other makes each call once."""

    repeating: Any
    unrepeated: Any


def write(clients: Clients, changes: list[Change], groups: Groups, *, put_back: bool) -> None:
    """Make the changes, and read back every rule, also those that needed none.

    Raises `CanaryError` whose ``rules`` say where each rule is: when a write fails, or the reading before it (with
    ``put_back``, after putting back the rules written so far), when a rule reads back as somebody else's, and when the
    rules cannot be read back at the end (nothing is put back then: all of them were written).
    """
    pending = [change for change in changes if change.changed]
    if pending:
        _Shift(clients, changes, groups, put_back=put_back).make(pending)


class _Shift:
    """One shift under way."""

    def __init__(self, clients: Clients, changes: list[Change], groups: Groups, *, put_back: bool) -> None:
        self._clients = clients
        self._changes = changes
        self._groups = groups
        self._puts_back = put_back

    def make(self, pending: list[Change]) -> None:
        """Make these changes, one after the other, and read back all."""
        for number, change in enumerate(pending):
            self._make_one(change, written=pending[:number])
        try:
            self._read_back(self._changes)
        except AwsError as error:
            raise self._unread(error) from error

    def _make_one(self, change: Change, *, written: list[Change]) -> None:
        """Write one rule, after a look at those written before it."""
        if written:
            self._check(written)
        touched = written
        for pause in _pauses():
            try:
                set_actions(self._clients.unrepeated, change.rule, change.actions)
                return
            except AwsError as error:
                touched = [*written, change] if error.undecided else touched
                if pause is None or not error.passing:
                    self._give_up(error, change, touched)
                    return
            time.sleep(pause)
            if self._took_effect(change, written, touched):
                return

    def _give_up(self, error: AwsError, change: Change, touched: list[Change]) -> None:
        """Fail for a write that failed, unless it is only its answer that was lost."""
        live = self._try_read()
        if live is None or not self._is_now(change, live):
            raise self._failed(error, self._ours(touched, live), live=live) from error

    def _took_effect(self, change: Change, written: list[Change], touched: list[Change]) -> bool:
        """Whether a write whose answer was lost was made all the same.

        Raises `CanaryError` where repeating it would write over what somebody else has changed in the meantime.
        """
        try:
            live = self._read()
        except AwsError as error:
            raise self._failed(error, touched, live=None) from error
        made = self._is_now(change, live)
        if not made and not is_still(change, live.get(change.rule.arn)):
            raise self._taken([change], live)
        if not made and written:
            self._check(written)
        return made

    def _check(self, written: list[Change]) -> None:
        """Look whether these are as written. Where they cannot be read, the shift ends, as when a write fails."""
        try:
            self._read_back(written)
        except AwsError as error:
            raise self._failed(error, written, live=None) from error

    def _read_back(self, changes: list[Change]) -> None:
        """Read the rules until each is as the changes say. Neither that nor as before is an error at once."""
        poll_until(
            self._read,
            lambda live: self._as_written(changes, live),
            timeout=READ_BACK_SECONDS,
            interval=READ_BACK_INTERVAL,
            gave_up=lambda live: self._taken(changes, live),
        )

    def _as_written(self, changes: list[Change], live: Live) -> bool:
        """Whether all are; raises `CanaryError` where waiting cannot help."""
        late = [change for change in changes if not self._is_now(change, live)]
        if any(not is_still(change, live.get(change.rule.arn)) for change in late):
            raise self._taken(changes, live)
        return not late

    def _read(self) -> Live:
        found = rules_by_arn(self._clients.repeating, [change.rule.arn for change in self._changes])
        return {rule.arn: rule for rule in found}

    def _try_read(self) -> Live | None:
        """The rules, or None where they cannot be read either: the first failure is the one to report."""
        try:
            return self._read()
        except AwsError:
            return None

    def _is_now(self, change: Change, live: Live) -> bool:
        return is_now(change, live.get(change.rule.arn), self._groups)

    def _ours(self, candidates: list[Change], live: Live | None) -> list[Change]:
        """The rules to put back: those that were or may have been written, but nobody else's."""
        if live is None:
            return candidates
        # A read may be behind a write: a rule that looks as before is put back too, which does no harm.
        return [
            change for change in candidates if self._is_now(change, live) or is_still(change, live.get(change.rule.arn))
        ]

    def _taken(self, changes: list[Change], live: Live) -> CanaryError:
        """The error for rules that are not what they should be: both values, and where all of them are.

        Nothing is put back: whoever wrote last may be in the middle of a shift.
        """
        seen = "; ".join(
            f"{change.rule} should be at {change.after} but is {described(live.get(change.rule.arn), self._groups)}"
            for change in changes
            if not self._is_now(change, live)
        )
        return CanaryError(
            f"Somebody else changed the split at the same time: {seen}. Nothing was put back. "
            "Find out who shifts these rules, then run again.",
            **self._standing(live),
        )

    def _unread(self, error: AwsError) -> CanaryError:
        """The error for a shift that was written, and could not be read back."""
        return CanaryError(
            f"{error} The rules were written, but could not be read back, and are left as written. Run the same "
            "again: it reads them, and changes only what is not as asked for.",
            **{**error.facts, **self._standing(None)},
        )

    def _failed(self, error: AwsError, touched: list[Change], *, live: Live | None) -> CanaryError:
        """The error for a shift that failed half-way, after the rules that it touched were put back, where wanted."""
        left: list[str] = []
        if self._puts_back and touched:
            left = [problem for change in touched if (problem := self._put_back(change))]
            live = self._try_read()
        return CanaryError(f"{error} {self._outcome(touched, left, live)}", **{**error.facts, **self._standing(live)})

    def _put_back(self, change: Change) -> str | None:
        """Give the rule its old actions again; what went wrong with it, if something did."""
        for pause in _pauses():
            if not self._ours([change], self._try_read()):
                return f"{change.rule} is left to whoever else changed it."
            try:
                set_actions(self._clients.unrepeated, change.rule, sendable(change.rule.actions))
                return None
            except AwsError as error:
                if pause is None or not error.passing:
                    return f"{change.rule} could not be put back to {change.before}: {error}"
            time.sleep(pause)
        return None

    def _outcome(self, touched: list[Change], left: list[str], live: Live | None) -> str:
        """What became of the rules written before the failure."""
        names = ", ".join(str(change.rule) for change in touched)
        if not touched:
            return "No rule was changed."
        if not self._puts_back:
            return f"Left as changed, because on_partial_failure is leave: {names}."
        if left:
            return "Putting back the rules changed before it failed too: " + " ".join(left)
        if live is None:
            return f"Put back as they were, but they could not be read back: {names}."
        odd = [change.rule for change in touched if not is_still(change, live.get(change.rule.arn))]
        seen = "".join(f" {rule} reads back as {described(live.get(rule.arn), self._groups)}." for rule in odd)
        return f"Put back as they were: {names}.{seen}"

    def _standing(self, live: Live | None) -> dict[str, Any]:
        """Where each rule is, for the failure: ``live`` is its split now, null where that could not be read."""
        rules = []
        for change in self._changes:
            now = None if live is None else live.get(change.rule.arn)
            split = None if now is None else now.split(self._groups)
            rules.append({**change.facts(), "live": None if split is None else split.facts()})
        untouched = live is not None and all(is_still(change, live.get(change.rule.arn)) for change in self._changes)
        return {"rules": rules, "changed": not untouched}


def _pauses() -> Iterator[float | None]:
    """How long to pause after each attempt that failed, longer every time; None after the last.

    At random, so that two who were refused together do not come back together.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    for attempt in range(ATTEMPTS - 1):
        yield random.uniform(0, min(LONGEST_PAUSE, 2.0**attempt))
    yield None
