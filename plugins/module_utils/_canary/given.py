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


def refuse_booleans(spec: Mapping[str, Any], options: Mapping[str, Any], *, within: str = "") -> None:
    """Refuse true and false where a number is meant: Ansible takes them for 1 and 0, and ``percent: yes`` for 1 %.

    ``spec`` is a module's argument specification, ``options`` what was given before Ansible converts it.
    """
    for name, option in spec.items():
        for word in (name, *option.get("aliases", ())):
            value = options.get(word)
            if option.get("type") in ("int", "float") and isinstance(value, bool):
                raise CanaryError(f"{within}{word} is {str(value).lower()}: give a number.")
            if isinstance(value, Mapping) and "options" in option:
                refuse_booleans(option["options"], value, within=f"{within}{word}.")


def refuse_blank(options: Mapping[str, Any], *names: str) -> None:
    """Raise `CanaryError` for a name that is empty, or the null that Ansible lets pass as given."""
    for name in names:
        if given(options.get(name)) is None:
            raise CanaryError(f"{name} is empty. Give its name or its ARN.")


def refuse_negative(seconds: int | None, name: str) -> None:
    """Raise `CanaryError` for a time that cannot be waited for."""
    if seconds is None or seconds < 0:
        raise CanaryError(f"{name} is {'empty' if seconds is None else seconds}: give a number of seconds, 0 or more.")


def only_given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, by name."""
    return {name: value for name, value in options.items() if given(value) is not None}
