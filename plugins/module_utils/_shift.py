# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a shift rule by rule, read every rule back, and when a write fails put back those already written.

Elastic Load Balancing has no conditional write. Rules are therefore written in one order, that of their ARNs, and
before each further write those written so far are read back: of two shifts at once, the one that wrote the first rule
last goes on, and the other ends with an error, and takes away what is left of it. No write is repeated blindly either,
for a shift that AWS throttles falls behind another: ahead of every attempt but the first the rules are looked at again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import AwsError
from ansible_collections.canary.ecs.plugins.module_utils._aws.elbv2 import rules_by_arn, rules_of_listener, set_actions
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import poll_until
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError, OvertakenError
from ansible_collections.canary.ecs.plugins.module_utils._canary.rules import (
    Change,
    Groups,
    Rule,
    described,
    differs_in_split,
    is_now,
    is_still,
    others,
    plan,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.split import Split

# How long a read may still show what was there before a write that AWS has answered.
READ_BACK_SECONDS = 15.0
READ_BACK_INTERVAL = 0.5

# How often a write is tried, and how long at most to pause between two attempts, in seconds.
ATTEMPTS = 11
LONGEST_PAUSE = 8.0

Live = dict[str, Rule]


@dataclass(frozen=True)
class Elbv2Clients:
    """Two clients of Elastic Load Balancing: one repeats what may be repeated, the other makes each call once."""

    repeating: Any
    unrepeated: Any


class _Taken(CanaryError):
    """Somebody else changes the rules at the same time."""


def write(
    clients: Elbv2Clients, changes: list[Change], groups: Groups, *, on_failure: str, conditional: bool = False
) -> None:
    """Make the changes, and read back every rule, also those that needed none.

    Raises `CanaryError` whose ``rules`` say where each rule is: when a write fails, or the reading before it, when a
    rule reads back as somebody else's, and when the rules cannot be read back at the end (nothing is put back then:
    all of them were written). ``on_failure`` says what becomes of the rules written so far: ``put_back`` and ``leave``
    end the shift, ``go_on`` leaves them and writes the others too, whose writes may succeed. ``conditional`` has a
    single rule looked at once more right before its write, as those of several are: nothing nearer to a condition is
    to be had.
    """
    pending = [change for change in changes if change.changed]
    if pending:
        _Shift(clients, changes, groups, on_failure=on_failure, conditional=conditional).make(pending)


class _Shift:
    """One shift under way."""

    def __init__(
        self, clients: Elbv2Clients, changes: list[Change], groups: Groups, *, on_failure: str, conditional: bool
    ) -> None:
        self._clients = clients
        self._changes = changes
        self._groups = groups
        self._on_failure = on_failure
        self._looks_first = conditional or len(changes) > 1
        self._written: list[Change] = []
        self._undecided: list[Change] = []
        self._refused: list[AwsError] = []

    def make(self, pending: list[Change]) -> None:
        """Make these changes, one after the other, and read back all."""
        try:
            for change in pending:
                self._make_one(change)
            self._read_back()
        except _Taken as taken:
            raise self._lost(taken) from taken
        if self._refused:
            raise self._failed(*self._refused, live=self._try_read())

    def _make_one(self, change: Change) -> None:
        """Write one rule, after a look at all of them."""
        if self._looks_first:
            self._look()
        for pause in _pauses():
            try:
                set_actions(self._clients.unrepeated, change.rule, change.actions)
            except AwsError as error:
                if error.undecided and change not in self._undecided:
                    self._undecided.append(change)
                if pause is None or not error.passing:
                    return self._give_up(error, change)
            else:
                return self._made(change)
            time.sleep(pause)
            if self._is_made(change, self._look()):
                return self._made(change)
        return None

    def _made(self, change: Change) -> None:
        self._written.append(change)
        self._undecided = [other for other in self._undecided if other is not change]

    def _give_up(self, error: AwsError, change: Change) -> None:
        """End the shift for a write that failed, or go on without it; unless it is only its answer that was lost."""
        live = self._try_read()
        if self._is_made(change, live):
            return self._made(change)
        if self._on_failure != "go_on":
            raise self._failed(error, live=live) from error
        return self._refused.append(error)

    def _look(self) -> Live | None:
        """The rules, on the way. Where they cannot be read, the shift ends, as when a write fails, or goes on."""
        try:
            return self._as_left()
        except AwsError as error:
            if self._on_failure == "go_on":
                return None
            raise self._failed(error, live=None) from error

    def _read_back(self) -> None:
        """Read all of the rules at the end."""
        try:
            self._as_left()
        except AwsError as error:
            if self._refused:
                raise self._failed(*self._refused, error, live=None) from error
            raise self._unread(error) from error

    def _as_left(self) -> Live:
        """Read the rules until each is as this shift has left it.

        Raises `_Taken` at once where the first one is not: that decides which of two shifts wins. The winner waits
        for the other one to notice.
        """

        def all_are(live: Live) -> bool:
            strange = [change for change in self._changes if not self._is_left(change, live)]
            if strange and strange[0] is self._first and not self._is_still(self._first, live):
                raise self._taken(live)
            return not strange

        return poll_until(
            self._read,
            all_are,
            timeout=READ_BACK_SECONDS,
            interval=READ_BACK_INTERVAL,
            gave_up=self._taken,
        )

    @property
    def _first(self) -> Change:
        return self._changes[0]

    def _is_left(self, change: Change, live: Live) -> bool:
        """Whether a rule is as this shift has left it, or may still be written.

        The first one is not to be written over another shift, since it decides; whoever has it may write the others,
        where nothing but the weights is another than it was.
        """
        if self._is_now(change, live):
            return True
        if not change.changed or change in self._written:
            return False
        if change is self._first:
            return self._is_still(change, live)
        return differs_in_split(change, live.get(change.rule.arn), self._groups)

    def _is_made(self, change: Change, live: Live | None) -> bool:
        """Whether a write whose answer was lost, or that was refused once, is known to be made."""
        return live is not None and self._is_now(change, live)

    def _is_now(self, change: Change, live: Live) -> bool:
        return is_now(change, live.get(change.rule.arn), self._groups)

    def _is_still(self, change: Change, live: Live) -> bool:
        return is_still(change, live.get(change.rule.arn))

    def _read(self) -> Live:
        """The rules that there are. AWS refuses to describe any where one is gone: then their listeners tell."""
        wanted = [change.rule.arn for change in self._changes]
        try:
            found = rules_by_arn(self._clients.repeating, wanted)
        except AwsError as error:
            if error.code != "RuleNotFound":
                raise
            listeners = sorted({change.rule.listener_arn for change in self._changes})
            found = [rule for arn in listeners for rule in rules_of_listener(self._clients.repeating, arn)]
        return {rule.arn: rule for rule in found if rule.arn in wanted}

    def _try_read(self) -> Live | None:
        """The rules, or None where they cannot be read either: the first failure is the one to report."""
        try:
            return self._read()
        except AwsError:
            return None

    def _taken(self, live: Live) -> _Taken:
        """The error for rules that are not what they should be, with both values."""
        seen = "; ".join(
            f"{change.rule} should be at {change.after} but is {described(live.get(change.rule.arn), self._groups)}"
            for change in self._changes
            if not self._is_left(change, live)
        )
        return _Taken(f"Somebody else changed the split at the same time: {seen}.")

    def _lost(self, taken: _Taken) -> CanaryError:
        """The error for a shift that met somebody else's, after it took back what is left of it, where wanted.

        Where that other one has the first rule, what is left of this one follows it: then the rules are no mixture of
        both.
        """
        live = self._try_read()
        if live is None:
            # Somebody else has a rule, and nobody knows which: what is written blindly now may be written over theirs.
            outcome = "The rules could not be read again, and are left as they are."
        else:
            outcome, live = self._take_back(live, self._split_of_other(live))
        return OvertakenError(
            f"{taken} {outcome} Find out who shifts these rules, then run again.", **self._standing(live)
        )

    def _split_of_other(self, live: Live | None) -> Split | None:
        """The split that somebody else gave the first rule; None where nobody did."""
        if live is None or self._is_ours(self._first, live):
            return None
        rule = live.get(self._first.rule.arn)
        return None if rule is None or others(rule, self._groups) else rule.split(self._groups)

    def _unread(self, error: AwsError) -> CanaryError:
        """The error for a shift that was written, and could not be read back."""
        return CanaryError(
            f"{error} The rules were written, but could not be read back, and are left as written. Run the same "
            "again: it reads them, and changes only what is not as asked for.",
            **{**error.facts, **self._standing(None)},
        )

    def _failed(self, *errors: AwsError, live: Live | None) -> CanaryError:
        """The error for a shift that failed half-way, after the rules that it touched were put back, where wanted."""
        outcome, live = self._take_back(live, self._split_of_other(live))
        return CanaryError(" ".join([*map(str, errors), outcome]), **{**errors[0].facts, **self._standing(live)})

    def _ours(self, live: Live | None) -> list[Change]:
        """The rules that were or may have been written, but by nobody else since."""
        touched = [*self._written, *self._undecided]
        return touched if live is None else [change for change in touched if self._is_ours(change, live)]

    def _is_ours(self, change: Change, live: Live) -> bool:
        """A read may be behind a write: a rule that looks as before counts, since putting it back does no harm."""
        return self._is_now(change, live) or self._is_still(change, live)

    def _take_back(self, live: Live | None, split: Split | None) -> tuple[str, Live | None]:
        """Give what is left of this shift the ``split``, or that of before, where wanted.

        What became of it in words, and all rules as read at the end.
        """
        left = self._ours(live)
        names = ", ".join(str(change.rule) for change in left)
        if not left:
            nothing = "Nothing of this shift is left." if self._written else "No rule was changed."
            return nothing, live or self._try_read()
        if self._on_failure != "put_back":
            return f"Left as changed, because on_partial_failure is {self._on_failure}: {names}.", live
        wanted = [self._taken_back(change, split) for change in left]
        problems = [problem for change in wanted if (problem := self._put(change))]
        live = self._try_read()
        if problems:
            return "Putting back the rules changed before it failed too: " + " ".join(problems), live
        done = "Put back as they were" if split is None else f"Set to what the first of the rules has, {split}"
        if live is None:
            return f"{done}, but they could not be read back: {names}.", live
        odd = [change.rule for change in wanted if not self._is_now(change, live)]
        seen = "".join(f" {rule} reads back as {described(live.get(rule.arn), self._groups)}." for rule in odd)
        return f"{done}: {names}.{seen}", live

    def _taken_back(self, change: Change, split: Split | None) -> Change:
        """The change that takes another one back: to another split, or to what was before."""
        (back,) = plan([change.rule], self._groups, split or change.before, stickiness_off=False)
        return back

    def _put(self, back: Change) -> str | None:
        """Write one of them, unless somebody else has changed the rule; what went wrong with it, if something did."""
        made = {change.rule.arn: change for change in [*self._written, *self._undecided]}[back.rule.arn]
        for pause in _pauses():
            live = self._try_read()
            if live is not None and not self._is_ours(made, live):
                return None if self._is_now(back, live) else f"{back.rule} is left to whoever else changed it."
            try:
                set_actions(self._clients.unrepeated, back.rule, back.actions)
                return None
            except AwsError as error:
                if pause is None or not error.passing:
                    return f"{back.rule} could not be put back to {back.after}: {error}"
            time.sleep(pause)
        return None

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
