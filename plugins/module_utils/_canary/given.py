# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user gave, as the many ways in deliver it: a survey sends an empty string for what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError


def given(value: Any, default: Any = None) -> Any:
    """The value, or ``default`` where it is None, empty or blank; 0 and false are values."""
    if value is None or (isinstance(value, (str, list, tuple, dict)) and not value):
        return default
    return default if isinstance(value, str) and not value.strip() else value


def number(value: Any, name: str) -> float:
    """A number, also where it came as a string. Raises `CanaryError`, naming the option."""
    try:
        return float(str(value).strip())
    except ValueError:
        raise CanaryError(f"{name} is {value!r}: give a number.") from None


def whole(value: Any, name: str, *, least: int = 0) -> int:
    """A whole number of at least ``least``, also where it came as a string. Raises `CanaryError`, naming the option."""
    try:
        count = int(str(value).strip())
    except ValueError:
        raise CanaryError(f"{name} is {value!r}: give a whole number.") from None
    if count < least:
        raise CanaryError(f"{name} is {count}: give {least} or more.")
    return count


def only_given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, by name."""
    return {name: value for name, value in options.items() if given(value) is not None}
