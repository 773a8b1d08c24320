# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing methods of the emulator for as long as a cloud is up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Wrapper = Callable[..., Any]
"""Called as ``wrapper(original, self, *args, **kwargs)``."""

_ABSENT = object()


class Patches:
    """Puts methods in place and, at the end, puts back what was there."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], Any]] = []

    def wrap(self, owner: type, name: str, wrapper: Wrapper) -> None:
        """Let ``wrapper`` answer for a method; it gets the method that was there as its first argument."""
        original = getattr(owner, name)

        def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
            return wrapper(original, self, *args, **kwargs)

        self.put(owner, name, wrapped)

    def put(self, owner: type, name: str, value: Any) -> None:
        """Set an attribute of a class."""
        before = owner.__dict__.get(name, _ABSENT)
        self._undo.append(lambda: delattr(owner, name) if before is _ABSENT else setattr(owner, name, before))
        setattr(owner, name, value)

    def put_item(self, owner: dict[str, Any], key: str, value: Any) -> None:
        """Set an entry of one of the emulator's tables."""
        before = owner.get(key, _ABSENT)
        self._undo.append(lambda: owner.pop(key) if before is _ABSENT else owner.update({key: before}))
        owner[key] = value

    def undo(self) -> None:
        """Put everything back, last first."""
        while self._undo:
            self._undo.pop()()
