# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load balancer's configuration: pure decisions, by tables and properties."""

from __future__ import annotations

import ipaddress
import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.balancer.actions import COOKIE, cluster_name, cookie_value, routes_of
from lab.balancer.conditions import match, network_expression, wildcard
from lab.balancer.config import endpoints, forwarded_groups, usable_targets
from lab.balancer.fleet import Propagation
from lab.control.views import Listener, LoadBalancer, Rule, Target, TargetGroup
from tests.handmade import forward

GROUPS = [f"arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/group{number}/{number}" for number in range(5)]


def default_rule(weights: list[int], sticky: int = 0) -> Rule:
    """A default rule that forwards to as many groups as there are weights."""
    return Rule("rule", None, (), (forward(dict(zip(GROUPS, weights, strict=False)), sticky=sticky),))


def routes(rule: Rule) -> list[dict[str, Any]]:
    return routes_of(rule, match(rule.conditions), port=80, bound={80: 80})


weights_lists = st.lists(st.integers(0, 999), min_size=1, max_size=5)


@given(weights_lists.filter(any))
def test_a_groups_share_is_its_weight_of_the_sum(weights: list[int]) -> None:
    (route,) = routes(default_rule(weights))
    clusters = {entry["name"]: entry["weight"] for entry in route["route"]["weighted_clusters"]["clusters"]}
    total = sum(clusters.values())
    for arn, weight in zip(GROUPS, weights, strict=False):
        assert Fraction(clusters.get(cluster_name(arn), 0), total) == Fraction(weight, sum(weights))


@given(st.integers(1, 5))
def test_all_weights_zero_is_503(count: int) -> None:
    (route,) = routes(default_rule([0] * count))
    assert route["direct_response"]["status"] == 503


@given(weights_lists, st.integers(1, 604800))
def test_a_bound_client_goes_to_its_group_whatever_the_weights(weights: list[int], seconds: int) -> None:
    *bound, last = routes(default_rule(weights, seconds))
    assert [route["route"]["cluster"] for route in bound] == [cluster_name(arn) for arn in GROUPS[: len(weights)]]
    for route, arn in zip(bound, GROUPS, strict=False):
        (cookie,) = route["match"]["headers"]
        expression = cookie["string_match"]["safe_regex"]["regex"]
        assert re.fullmatch(expression, f"a=1; {COOKIE}={cookie_value(arn)}; b=2")
        assert not re.fullmatch(expression, f"X{COOKIE}={cookie_value(arn)}x")
    assert "headers" not in last["match"]


def test_a_single_group_takes_all() -> None:
    (route,) = routes(Rule("rule", None, (), ({"Type": "forward", "TargetGroupArn": GROUPS[0]},)))
    assert route["route"]["weighted_clusters"]["clusters"] == [{"name": "group0.0", "weight": 1}]


def test_an_authenticate_action_is_passed_over() -> None:
    rule = Rule("rule", 1, (), ({"Type": "authenticate-oidc"}, {"Type": "forward", "TargetGroupArn": GROUPS[0]}))
    assert "route" in routes(rule)[0]


@pytest.mark.parametrize(
    ("states", "usable"),
    [
        (["healthy", "unhealthy", "initial", "draining"], [0]),
        (["healthy", "healthy"], [0, 1]),
        (["unhealthy", "initial", "draining", "unused"], [0, 1]),
        (["draining"], []),
        (["unused"], []),
        ([], []),
    ],
)
def test_which_targets_get_requests(states: list[str], usable: list[int]) -> None:
    targets = tuple(Target(f"127.1.16.{number}", 8000, state, "") for number, state in enumerate(states))
    group = TargetGroup(GROUPS[0], "group0", 8000, 300, targets)
    assert usable_targets(group) == [targets[number] for number in usable]


def test_a_group_that_is_gone_has_no_endpoint() -> None:
    assert endpoints(GROUPS[0], None)["resources"][0]["endpoints"] == []


def test_every_group_of_every_rule_is_known() -> None:
    balancer = LoadBalancer(
        "lb", "lb", "127.1.1.1", (Listener("l", 80, "HTTP", (default_rule([1, 0]), default_rule([0, 0, 5]))),)
    )
    assert forwarded_groups([balancer]) == set(GROUPS[:3])


def glob_matches(pattern: str, text: str) -> bool:
    """What ``*`` and ``?`` mean, said again in another way."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(glob_matches(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and glob_matches(pattern[1:], text[1:])


@given(st.text("ab.*?+[", max_size=6), st.text("ab.+[", max_size=6))
def test_wildcards(pattern: str, text: str) -> None:
    assert bool(re.fullmatch(wildcard(pattern), text)) == glob_matches(pattern, text)


@given(st.ip_addresses(v=4), st.integers(0, 32), st.ip_addresses(v=4), st.booleans())
def test_networks(address: ipaddress.IPv4Address, prefix: int, other: ipaddress.IPv4Address, inside: bool) -> None:
    network = ipaddress.ip_network((address, prefix), strict=False)
    if inside:
        other = ipaddress.IPv4Address(int(network[0]) + int(other) % network.num_addresses)
    assert bool(re.fullmatch(network_expression(str(network)), str(other))) == (other in network)


def test_an_unknown_condition_is_an_error() -> None:
    with pytest.raises(ValueError, match="phase-of-the-moon"):
        match([{"Field": "phase-of-the-moon"}])


def balancer_named(name: str) -> LoadBalancer:
    return LoadBalancer("lb", name, "127.1.1.1", ())


@given(
    st.floats(0, 10),
    st.lists(st.tuples(st.floats(0, 5), st.sampled_from("abc")), min_size=1, max_size=20),
)
def test_a_change_takes_effect_after_the_delay_and_not_before(delay: float, steps: list[tuple[float, str]]) -> None:
    now, last = 0.0, "first"
    propagation = Propagation(delay, balancer_named(last))
    # Each entry: when a value was first seen, and the value.
    history: list[tuple[float, str]] = []
    for wait, name in steps:
        now += wait
        if name != last:
            history.append((now, name))
            last = name
        active = propagation.observe(balancer_named(name), now)
        due = [value for seen, value in history if seen + delay <= now]
        assert active.name == (due[-1] if due else "first")
