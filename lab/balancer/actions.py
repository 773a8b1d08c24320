# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ALB rule actions as Envoy routes. Pure.

A rule's last action ends it: forward, redirect or fixed-response. Authenticate actions before it are passed over.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from lab.balancer.conditions import header
from lab.control.views import Rule
from lab.metrics.requests import UNAVAILABLE_ROUTE

COOKIE = "AWSALBTG"
UNAVAILABLE = {
    "name": UNAVAILABLE_ROUTE,
    "direct_response": {"status": 503, "body": {"inline_string": "503 Service Temporarily Unavailable\n"}},
}
SET = "OVERWRITE_IF_EXISTS_OR_ADD"
ADD = "APPEND_IF_EXISTS_OR_ADD"

# The ALB gives a target as long as the connection's idle timeout, 60 s by default.
ROUTE_OPTIONS = {"timeout": "60s"}

Ports = Mapping[int, int]
"""Where each listener of the load balancer is bound, by its own port."""


def cluster_name(target_group_arn: str) -> str:
    """The Envoy cluster of a target group: ``name.id``, its name and the last part of its ARN."""
    return ".".join(target_group_arn.split("/")[-2:])


def cookie_value(target_group_arn: str) -> str:
    """What the stickiness cookie says for a target group. AWS encrypts it; here it is a digest of the ARN."""
    return hashlib.sha256(target_group_arn.encode()).hexdigest()[:32]


def weights_of(action: dict[str, Any]) -> dict[str, int]:
    """The weight of each target group of a forward action, by ARN."""
    groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
    if not groups:
        return {action["TargetGroupArn"]: 1}
    return {group["TargetGroupArn"]: int(group.get("Weight", 1)) for group in groups}


def sticky_seconds(action: dict[str, Any]) -> int:
    """How long a forward action binds a client to a target group; 0 where it does not."""
    config = action.get("ForwardConfig", {}).get("TargetGroupStickinessConfig", {})
    return int(config.get("DurationSeconds") or 0) if str(config.get("Enabled", "false")).lower() == "true" else 0


def routes_of(rule: Rule, match: dict[str, Any], *, port: int, bound: Ports) -> list[dict[str, Any]]:
    """The Envoy routes of one rule of the listener on ``port``, in the order in which Envoy must try them."""
    action = rule.actions[-1]
    if action["Type"] == "forward":
        return _forward_routes(action, match)
    if action["Type"] == "redirect":
        return [{"match": match, "redirect": _redirect(action["RedirectConfig"], port, bound)}]
    if action["Type"] == "fixed-response":
        return [{"match": match, **_fixed_response(action["FixedResponseConfig"])}]
    return [{"match": match, **UNAVAILABLE}]


def _forward_routes(action: dict[str, Any], match: dict[str, Any]) -> list[dict[str, Any]]:
    """Routes of a forward action: first the clients stuck to a group by cookie, then everybody else by weight.

    A stuck client keeps its group also at weight 0. Where all weights are 0, everybody else gets 503.
    """
    weights, seconds = weights_of(action), sticky_seconds(action)
    stuck = [_stuck_route(arn, match, seconds) for arn in weights] if seconds else []
    if not any(weights.values()):
        return [*stuck, {"match": match, **UNAVAILABLE}]
    clusters = [_weighted(arn, weight, seconds) for arn, weight in weights.items() if weight]
    return [*stuck, {"match": match, "route": {"weighted_clusters": {"clusters": clusters}, **ROUTE_OPTIONS}}]


def _weighted(arn: str, weight: int, seconds: int) -> dict[str, Any]:
    """One entry of Envoy's weighted clusters."""
    return {"name": cluster_name(arn), "weight": weight, **_cookie_headers(arn, seconds)}


def _stuck_route(arn: str, match: dict[str, Any], seconds: int) -> dict[str, Any]:
    """The route of the clients whose cookie names target group ``arn``."""
    cookie = header("cookie", rf"(?:.*;\s*)?{COOKIE}={cookie_value(arn)}(?:;.*)?")
    stuck = {**match, "headers": [*match.get("headers", []), cookie]}
    return {"match": stuck, "route": {"cluster": cluster_name(arn), **ROUTE_OPTIONS}, **_cookie_headers(arn, seconds)}


def _cookie_headers(arn: str, seconds: int) -> dict[str, Any]:
    """The Set-Cookie that sticks a client to a target group for ``seconds`` from now; nothing at 0."""
    if not seconds:
        return {}
    value = f"{COOKIE}={cookie_value(arn)}; Max-Age={seconds}; Path=/"
    return {"response_headers_to_add": [_added("set-cookie", value, ADD)]}


def _added(name: str, value: str, how: str) -> dict[str, Any]:
    """One header to add. Envoy reads a percent sign as the start of a command."""
    return {"header": {"key": name, "value": value.replace("%", "%%")}, "append_action": how}


def _fixed_response(config: dict[str, Any]) -> dict[str, Any]:
    """A response that the load balancer gives itself."""
    body = config.get("MessageBody") or ""
    response: dict[str, Any] = {"status": int(config["StatusCode"])}
    if body:
        response["body"] = {"inline_string": body}
    kind = config.get("ContentType") or "text/plain"
    return {"direct_response": response, "response_headers_to_add": [_added("content-type", kind, SET)]}


def _redirect(config: dict[str, Any], own_port: int, bound: Ports) -> dict[str, Any]:
    """A redirect. A part that is left out, or is its own placeholder, stays as the request has it.

    Envoy cannot build a host, or a query, out of a placeholder and more text: such a part stays as it is too.
    """
    redirect: dict[str, Any] = {"response_code": "FOUND" if config["StatusCode"] == "HTTP_302" else "MOVED_PERMANENTLY"}
    protocol, host, port = (config.get(part) or "#" for part in ("Protocol", "Host", "Port"))
    if "#" not in protocol:
        redirect["scheme_redirect"] = protocol.lower()
    if "#" not in host:
        # With another host Envoy would forget the port.
        redirect |= {"host_redirect": host, "port_redirect": bound[own_port]}
    if "#" not in port:
        redirect["port_redirect"] = bound.get(int(port), int(port))
    return {**redirect, **_redirected_path(config.get("Path") or "/#{path}", config.get("Query", "#{query}"))}


def _redirected_path(path: str, query: str) -> dict[str, Any]:
    """The path and query of a redirect."""
    kept: dict[str, Any] = {} if query == "#{query}" else {"strip_query": True}
    if path == "/#{path}":
        return kept
    if "#{path}" in path:
        substitution = re.sub(r"\\", r"\\\\", path).replace("#{path}", r"\1")
        return {**kept, "regex_rewrite": {"pattern": {"regex": "^/(.*)$"}, "substitution": substitution}}
    if query and "#" not in query:
        return {"path_redirect": f"{path}?{query}"}
    return {**kept, "path_redirect": path}
