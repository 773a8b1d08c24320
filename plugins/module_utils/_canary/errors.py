# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures that a user can act on.

Nothing below a module's ``main()`` exits: it raises one of these, which says what is wrong, on which resource, and
what to do. ``main()`` turns it into the module's failure, with the facts beside the message.
"""

from __future__ import annotations

from typing import Any


class CanaryError(Exception):
    """What is wrong, on which resource, and the way out; ``facts`` become keys of the module's failure."""

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts


class OvertakenError(CanaryError):
    """Somebody else changed the same thing at the same time: the same again decides from what is then."""
