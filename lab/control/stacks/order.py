# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which a template's resources depend on each other. No clock, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import Any

Json = dict[str, Any]

_IN_SUB = re.compile(r"\$\{([^!}.]+)")


def dependencies(resources: Json, active: set[str]) -> dict[str, set[str]]:
    """For each active resource the active ones that it needs: by reference, and by DependsOn."""
    return {name: (set(_named(resources[name])) & active) - {name} for name in resources if name in active}


def creation_order(needs: dict[str, set[str]]) -> list[str]:
    """Each resource after everything that it needs; ties in the order of the template."""
    return list(TopologicalSorter(needs).static_order())


def _named(value: Any) -> Iterator[str]:
    """Every name that a piece of a template refers to; more than resources, so the caller filters."""
    if isinstance(value, list):
        for one in value:
            yield from _named(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _names_under(key, one)


def _names_under(key: str, value: Any) -> Iterator[str]:
    if key == "Ref":
        yield str(value)
    elif key == "Fn::GetAtt":
        yield str(value[0] if isinstance(value, list) else str(value).split(".", maxsplit=1)[0])
    elif key == "Fn::Sub":
        text = value[0] if isinstance(value, list) else value
        yield from _IN_SUB.findall(str(text))
        if isinstance(value, list):
            yield from _named(value[1])
    elif key == "DependsOn":
        yield from [value] if isinstance(value, str) else value
    else:
        yield from _named(value)
