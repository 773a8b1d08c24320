# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether identity-based policies allow an action. No clock, no I/O.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]

# Whether the values are patterns. An ARN condition always is one.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
OPERATORS = {"StringEquals": False, "StringLike": True, "ArnEquals": True, "ArnLike": True}


@dataclass(frozen=True)
class Ask:
    """What a request needs to be allowed: an action on a resource, and what conditions may look at."""

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict)


def allows(documents: Iterable[Document], ask: Ask) -> bool:
    """Whether some statement allows it and none denies it."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in _listed(document["Statement"])
        if _is_about(statement, ask)
    }
    return effects == {"Allow"}


def _is_about(statement: Mapping[str, Any], ask: Ask) -> bool:
    return (
        any(_like(ask.action.lower(), action.lower()) for action in _listed(statement["Action"]))
        and any(_like(ask.resource, resource) for resource in _listed(statement["Resource"]))
        and all(
            _holds(operator, wanted, ask.context)
            for operator, keys in statement.get("Condition", {}).items()
            for wanted in keys.items()
        )
    )


def _holds(operator: str, wanted: tuple[str, Any], context: Mapping[str, str]) -> bool:
    """Whether a condition on one key holds; a key that the request does not have fulfils none."""
    key, values = wanted
    if operator not in OPERATORS:
        raise NotImplementedError(f"the lab does not know the condition operator {operator}")
    if key not in context:
        return False
    like = _like if OPERATORS[operator] else str.__eq__
    return any(like(context[key], value) for value in _listed(values))


def _like(value: str, pattern: str) -> bool:
    """``*`` is any text, ``?`` any one character, and nothing else is special."""
    parts = [{"*": ".*", "?": "."}.get(part, re.escape(part)) for part in re.split(r"([*?])", pattern)]
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
