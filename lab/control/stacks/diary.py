# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stack's events tell of its resources: each one's beginning and its end.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudformation.models import Event, Stack


class Diary:
    """The events of resources, in the stacks of one cloud."""

    def __init__(self) -> None:
        self._open: dict[str, dict[str, tuple[str, str]]] = {}

    def begin(self, stack: Stack, name: str, kind: str, verb: str) -> None:
        """A resource begins to be created, updated or deleted (``verb``); said once, however often it is tried."""
        under_way = self._open.setdefault(stack.stack_id, {})
        if under_way.get(name) != (kind, verb):
            under_way[name] = (kind, verb)
            _write(stack, name, kind, f"{verb}_IN_PROGRESS")

    def complete(self, stack: Stack, *, settled: Callable[[str], bool]) -> None:
        """Those that have come to rest are complete."""
        under_way = self._open.get(stack.stack_id, {})
        for name in [name for name in under_way if settled(name)]:
            kind, verb = under_way.pop(name)
            _write(stack, name, kind, f"{verb}_COMPLETE")

    def fail(self, stack: Stack, name: str, status: str, reason: str) -> None:
        """A resource has failed, and whatever else was under way is let go."""
        self._open.pop(stack.stack_id, None)
        entry: dict[str, Any] = stack.template_dict["Resources"].get(name, {})
        _write(stack, name, entry.get("Type", ""), status, reason)


def _write(stack: Stack, name: str, kind: str, status: str, reason: str | None = None) -> None:
    stack.events.append(
        Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=name,
            physical_resource_id="",
            resource_type=kind,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
    )
