# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metric math: arithmetic on metrics, and FILL. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

Points = dict[float, float]
"""Values by the start of their period, in seconds since the epoch."""

Value = Points | float

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def evaluate(expression: str, known: Mapping[str, Points]) -> Points:
    """The points of an expression over ``known`` ones. A period that one of its metrics lacks is not there.

    Raises ValueError for what the lab does not know, and for an expression that is a number alone.
    """
    try:
        found = _value(ast.parse(expression.strip(), mode="eval").body, known)
    except (SyntaxError, ZeroDivisionError):
        found = 0.0
    if not isinstance(found, dict):
        raise ValueError(f"the lab does not know the expression {expression}: it does arithmetic, and FILL")
    return found


def _value(node: ast.expr, known: Mapping[str, Points]) -> Value:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _combine(operator.sub, 0.0, _value(node.operand, known))
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return _combine(OPERATORS[type(node.op)], _value(node.left, known), _value(node.right, known))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.upper() == "FILL":
        return _fill(*(_value(argument, known) for argument in node.args), known=known)
    raise ValueError(f"the lab does not know {ast.unparse(node)} in an expression: it does arithmetic, and FILL")


def _combine(work: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """One operation, period by period. A division by zero has no result."""
    sides = [set(value) for value in (left, right) if isinstance(value, dict)]
    if not sides:
        return work(_at(left, 0), _at(right, 0))
    found: Points = {}
    for start in sorted(set.intersection(*sides)):
        try:
            found[start] = work(_at(left, start), _at(right, start))
        except ZeroDivisionError:
            continue
    return found


def _at(value: Value, start: float) -> float:
    return value[start] if isinstance(value, dict) else value


def _fill(points: Value, filler: Value, *, known: Mapping[str, Points]) -> Points:
    """The points, and the filler in every period that any known metric has and this one lacks."""
    if not isinstance(points, dict):
        raise ValueError("FILL fills a metric")
    starts = sorted({start for found in known.values() for start in found})
    every = {start: _at(filler, start) for start in starts if not isinstance(filler, dict) or start in filler}
    return {**every, **points}
