# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holding a service's min up for a while, and knowing afterwards, whatever happens in between, what it was.

The service itself remembers: a tag has its own min and each min that was set in its place (``2/8``). A run that is
killed loses nothing, and a min that somebody else has set since is none of those, so that it is never put back.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.canary.ecs.plugins.module_utils._canary.tags import Tags, remembered

TAG = "canary.ecs:min"


@dataclass(frozen=True)
class Memory:
    """The min that is the service's own, and those that it was held at."""

    own: int
    held: tuple[int, ...]

    @property
    def text(self) -> str:
        """As the value of a tag."""
        return "/".join(map(str, (self.own, *self.held)))


def memory_of(tags: Tags, *, live: int) -> Memory | None:
    """What the tags of a service remember of its min; None where that is not the min that is live."""
    text = remembered(tags, TAG) or ""
    numbers = [int(number) for number in text.split("/") if number.isdecimal()]
    known = len(numbers) > 1 and live in numbers
    return Memory(numbers[0], tuple(numbers[1:])) if known else None


def held_at(minimum: int, *, live: int, memory: Memory | None) -> Memory | None:
    """What to remember when the min is held at ``minimum``; None where it is its own."""
    own, held = (memory.own, memory.held) if memory else (live, ())
    if minimum == own:
        return None
    return Memory(own, held if minimum in held else (*held, minimum))
