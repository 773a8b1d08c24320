# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ALB rule conditions as Envoy route matches. Pure.

All conditions of a rule must hold, one value of each is enough
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html). Envoy has no "or"
inside a match, so the values of a condition become one regular expression.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Any

SOURCE_HEADER = "x-lab-source-ip"
"""Where the load balancer notes the client's address for source-ip conditions, before it chooses a route."""

EVERY_PATH = {"prefix": "/"}


def wildcard(pattern: str, character: str = ".") -> str:
    """The regular expression of an ALB pattern: ``*`` is any text, ``?`` any one character, a backslash escapes them.

    ``character`` is the expression of the characters that wildcards stand for.
    """
    parts = re.findall(r"\\[*?\\]|.", pattern, re.DOTALL)
    return "".join({"*": f"{character}*", "?": character}.get(part, re.escape(part[-1])) for part in parts)


def any_of(expressions: Iterable[str], *, ignore_case: bool = False) -> str:
    """One regular expression that matches where any of ``expressions`` does."""
    return f"{'(?i)' if ignore_case else ''}(?:{'|'.join(expressions)})"


def header(name: str, expression: str) -> dict[str, Any]:
    """A match on the whole value of a header."""
    return {"name": name, "string_match": {"safe_regex": {"regex": expression}}}


def network_expression(cidr: str) -> str:
    """The regular expression of the dotted addresses in an IPv4 network; IPv6 clients cannot come by loopback here."""
    network = ipaddress.ip_network(cidr, strict=False)
    if network.version != 4:
        return r"(?:[^\s\S])"
    pairs = zip(network.network_address.packed, network.broadcast_address.packed, strict=True)
    return r"\.".join(
        r"\d+" if (low, high) == (0, 255) else any_of(map(str, range(low, high + 1))) for low, high in pairs
    )


def _query_expression(values: Sequence[dict[str, str]]) -> str:
    """The regular expression of a path whose query string holds any of the key-value pairs; keys are optional."""
    pairs = (f"{wildcard(value.get('Key') or '*', '[^&=]')}={wildcard(value['Value'], '[^&]')}" for value in values)
    return rf"(?i)[^?]*\?(?:.*&)?{any_of(pairs)}(?:&.*)?"


def _values(condition: dict[str, Any], config: str) -> list[Any]:
    """A condition's values, from its config or from the older ``Values``."""
    return list(condition.get(config, {}).get("Values") or condition.get("Values") or [])


def _headers_of(condition: dict[str, Any]) -> list[dict[str, Any]]:
    """The header matches of one condition that is not a path pattern."""
    field = condition["Field"]
    if field == "host-header":
        hosts = any_of(map(wildcard, _values(condition, "HostHeaderConfig")), ignore_case=True)
        return [header(":authority", rf"{hosts}(?::\d+)?")]
    if field == "http-header":
        values = any_of(map(wildcard, _values(condition, "HttpHeaderConfig")), ignore_case=True)
        return [header(condition["HttpHeaderConfig"]["HttpHeaderName"].lower(), values)]
    if field == "http-request-method":
        return [header(":method", any_of(map(re.escape, _values(condition, "HttpRequestMethodConfig"))))]
    if field == "query-string":
        return [header(":path", _query_expression(_values(condition, "QueryStringConfig")))]
    if field == "source-ip":
        return [header(SOURCE_HEADER, any_of(map(network_expression, _values(condition, "SourceIpConfig"))))]
    raise ValueError(f"a listener rule has a condition on {field!r}, which the lab's load balancer does not know")


def match(conditions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The Envoy route match that holds where every condition of a rule holds."""
    path: dict[str, Any] = dict(EVERY_PATH)
    headers: list[dict[str, Any]] = []
    for condition in conditions:
        if condition["Field"] != "path-pattern":
            headers += _headers_of(condition)
            continue
        expression = any_of(map(wildcard, _values(condition, "PathPatternConfig")))
        path = {"safe_regex": {"regex": expression}}
    return {**path, **({"headers": headers} if headers else {})}
