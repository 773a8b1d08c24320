# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the events of a stack tell: how far CloudFormation is, and why it failed. They come newest first.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Event = Mapping[str, Any]

STACK = "AWS::CloudFormation::Stack"

# The first event of what somebody asked for. Whatever CloudFormation does by itself after it, a rollback or the
# removal of what was replaced, belongs to the same operation.
_BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")


@dataclass(frozen=True)
class Progress:
    """How far the newest operation on a stack is: its status, and the resources by what is done about them."""

    status: str | None
    done: int
    under_way: tuple[str, ...]

    @property
    def ended(self) -> bool:
        """Whether nothing is being done to the stack."""
        return self.status is None or not self.status.endswith("_IN_PROGRESS")

    def facts(self) -> dict[str, Any]:
        """The progress as a module returns it."""
        return {**asdict(self), "under_way": list(self.under_way)}

    def __str__(self) -> str:
        resources = f"{self.done} resource{'' if self.done == 1 else 's'} done"
        names = f", under way: {', '.join(self.under_way)}" if self.under_way else ""
        return f"{self.status}, {resources}{names}"


def progress(events: Iterable[Event]) -> Progress:
    """How far the newest operation on a stack is; reads no further back than to its beginning."""
    status: str | None = None
    newest: dict[str, str] = {}
    for event in events:
        name, now = event.get("logical_resource_id", ""), event.get("resource_status", "")
        if event.get("resource_type") != STACK:
            newest.setdefault(name, now)
            continue
        status = status or now
        if now in _BEGINNINGS:
            break
    done = sum(each.endswith("_COMPLETE") for each in newest.values())
    under_way = tuple(sorted(name for name, each in newest.items() if each.endswith("_IN_PROGRESS")))
    return Progress(status, done, under_way)


def failures(events: Iterable[Event]) -> list[str]:
    """Why the last operation on a stack failed, first cause first.

    A resource that was cancelled because another one failed says nothing, and is left out.
    """
    reasons = []
    for event in events:
        status, reason = event.get("resource_status", ""), event.get("resource_status_reason") or ""
        if reason == "User Initiated":
            break
        told = status.endswith(("_FAILED", "ROLLBACK_IN_PROGRESS"))
        if told and reason and "cancelled" not in reason:
            reasons.append(f"{event.get('logical_resource_id')}: {reason}")
    return list(dict.fromkeys(reversed(reasons)))
