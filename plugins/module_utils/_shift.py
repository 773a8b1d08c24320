# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a shift rule by rule, read every rule back, and when a write fails put back those already written.

Elastic Load Balancing has no conditional write. Rules are therefore written in one order, that of their ARNs, and
before each further write those written so far are read back: of two shifts at once, the one that wrote the first rule
last goes on, and the other ends with an error.
"""

from __future__ import annotations

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

Live = dict[str, Rule]


def write(client: Any, changes: list[Change], groups: Groups, *, restore: bool) -> None:
    """Make the changes, and read back every rule, also those that needed none.

    Raises `CanaryError` whose ``rules`` say where each rule is: when a write fails, or the reading before it (with
    ``restore``, after putting back the rules written so far), when a rule reads back as somebody else's, and when the
    rules cannot be read back at the end (nothing is put back then: all of them were written).
    """
    pending = [change for change in changes if change.changed]
    for number, change in enumerate(pending):
        if number:
            _check(client, pending[:number], changes, groups, restore=restore)
        _write_one(client, change, pending[: number + 1], changes, groups, restore=restore)
    if pending:
        try:
            read_back(client, changes, groups)
        except AwsError as error:
            raise _unread(error, changes, groups) from error


def read_back(client: Any, changes: list[Change], groups: Groups) -> None:
    """Read the rules until each is as the changes say. One that is neither that nor as before is an error at once."""
    poll_until(
        lambda: _read(client, changes),
        lambda live: _as_written(changes, live, groups),
        timeout=READ_BACK_SECONDS,
        interval=READ_BACK_INTERVAL,
        gave_up=lambda live: _taken(changes, live, groups),
    )


def _read(client: Any, changes: list[Change]) -> Live:
    return {rule.arn: rule for rule in rules_by_arn(client, [change.rule.arn for change in changes])}


def _as_written(changes: list[Change], live: Live, groups: Groups) -> bool:
    """Whether all are; raises `CanaryError` where waiting cannot help."""
    late = [change for change in changes if not is_now(change, live.get(change.rule.arn), groups)]
    if any(not is_still(change, live.get(change.rule.arn)) for change in late):
        raise _taken(changes, live, groups)
    return not late


def _taken(changes: list[Change], live: Live, groups: Groups) -> CanaryError:
    """The error for rules that are not what was written: both values, and where all of them are.

    Nothing is put back: whoever wrote last may be in the middle of a shift.
    """
    wrong = [change for change in changes if not is_now(change, live.get(change.rule.arn), groups)]
    seen = "; ".join(
        f"{change.rule} was set to {change.after} but is {described(live.get(change.rule.arn), groups)}"
        for change in wrong
    )
    return CanaryError(
        f"Somebody else changed the split at the same time: {seen}. Nothing was put back. "
        "Find out who shifts these rules, then run again.",
        **_standing(changes, live, groups),
    )


def _unread(error: AwsError, changes: list[Change], groups: Groups) -> CanaryError:
    """The error for a shift that was written, and could not be read back."""
    return CanaryError(
        f"{error} The rules were written, but could not be read back, and are left as written. Run the same again: "
        "it reads them, and changes only what is not as asked for.",
        **{**error.facts, **_standing(changes, None, groups)},
    )


def _check(client: Any, written: list[Change], changes: list[Change], groups: Groups, *, restore: bool) -> None:
    """Read back what was written so far. Where that cannot be read, the shift ends here, as when a write fails."""
    try:
        read_back(client, written, groups)
    except AwsError as error:
        raise _failed(client, error, written, changes, groups, live=None, restore=restore) from error


def _write_one(
    client: Any, change: Change, written: list[Change], changes: list[Change], groups: Groups, *, restore: bool
) -> None:
    """Write one rule. A failed answer to a write that took effect all the same is no failure."""
    try:
        set_actions(client, change.rule, change.actions)
    except AwsError as error:
        live = _try_read(client, changes)
        if live is not None and is_now(change, live.get(change.rule.arn), groups):
            return
        candidates = written if error.undecided else written[:-1]
        touched = _ours(candidates, groups, live)
        raise _failed(client, error, touched, changes, groups, live=live, restore=restore) from error


def _failed(
    client: Any,
    error: AwsError,
    touched: list[Change],
    changes: list[Change],
    groups: Groups,
    *,
    live: Live | None,
    restore: bool,
) -> CanaryError:
    """The error for a shift that failed half-way, after the rules that it touched were put back, where wanted."""
    left: list[str] = []
    if restore and touched:
        left = [problem for change in touched if (problem := _put_back(client, change))]
        live = _try_read(client, changes)
    return CanaryError(
        f"{error} {_outcome(touched, left, live, groups, restore=restore)}",
        **{**error.facts, **_standing(changes, live, groups)},
    )


def _ours(candidates: list[Change], groups: Groups, live: Live | None) -> list[Change]:
    """The rules to put back: those that were or may have been written, but nobody else's."""
    if live is None:
        return candidates
    seen = [(change, live.get(change.rule.arn)) for change in candidates]
    # A read may be behind a write: a rule that looks as before is put back too, which does no harm.
    return [change for change, now in seen if is_now(change, now, groups) or is_still(change, now)]


def _put_back(client: Any, change: Change) -> str | None:
    """Give the rule its old actions again; what went wrong with it, if something did."""
    try:
        set_actions(client, change.rule, sendable(change.rule.actions))
    except AwsError as error:
        return f"{change.rule} could not be put back to {change.before}: {error}"
    return None


def _outcome(touched: list[Change], left: list[str], live: Live | None, groups: Groups, *, restore: bool) -> str:
    """What became of the rules written before the failure."""
    names = ", ".join(str(change.rule) for change in touched)
    if not touched:
        return "No rule was changed."
    if not restore:
        return f"Left as changed, because on_partial_failure is leave: {names}."
    if left:
        return "Putting back the rules changed before it failed too: " + " ".join(left)
    if live is None:
        return f"Put back as they were, but they could not be read back: {names}."
    odd = [change.rule for change in touched if not is_still(change, live.get(change.rule.arn))]
    seen = "".join(f" {rule} reads back as {described(live.get(rule.arn), groups)}." for rule in odd)
    return f"Put back as they were: {names}.{seen}"


def _try_read(client: Any, changes: list[Change]) -> Live | None:
    """The rules, or None where they cannot be read either: the first failure is the one to report."""
    try:
        return _read(client, changes)
    except AwsError:
        return None


def _standing(changes: list[Change], live: Live | None, groups: Groups) -> dict[str, Any]:
    """Where each rule is, for the failure: ``live`` is its split now, null where that could not be read."""
    rules = []
    for change in changes:
        now = None if live is None else live.get(change.rule.arn)
        split = None if now is None else now.split(groups)
        rules.append({**change.facts(), "live": None if split is None else split.facts()})
    untouched = live is not None and all(is_still(change, live.get(change.rule.arn)) for change in changes)
    return {"rules": rules, "changed": not untouched}
