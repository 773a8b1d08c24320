# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against a load balancer in memory: what it changes and leaves, what it says, how often it calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.modules import ecs_canary_weights
from ansible_collections.canary.ecs.tests.unit.plugins.fake_balancer import (
    PREFIX,
    REGION,
    Answer,
    Balancer,
    Refusal,
    forward,
    serve,
)
from ansible_collections.canary.ecs.tests.unit.plugins.run_module import run_module
from botocore.exceptions import ConnectionClosedError

OIDC = {
    "Type": "authenticate-oidc",
    "Order": 1,
    "AuthenticateOidcConfig": {
        "Issuer": "https://login.example",
        "AuthorizationEndpoint": "https://login.example/a",
        "TokenEndpoint": "https://login.example/t",
        "UserInfoEndpoint": "https://login.example/u",
        "ClientId": "shop",
        "ClientSecret": "hunter2",
        "SessionTimeout": 3600,
        "AuthenticationRequestExtraParams": {"Prompt": "login"},
    },
}
COGNITO = {
    "Type": "authenticate-cognito",
    "Order": 1,
    "AuthenticateCognitoConfig": {
        "UserPoolArn": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/p",
        "UserPoolClientId": "c",
        "UserPoolDomain": "d",
    },
}
NOT_FOUND = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}


class Shop:
    """One listener with a default rule that answers 404, and one rule with both groups."""

    def __init__(self, *, stable: int = 100, canary: int = 0, sticky: int = 0) -> None:
        self.aws = Balancer()
        self.stable = self.aws.target_group("cart-stable")
        self.canary = self.aws.target_group("cart-canary")
        self.listener = self.aws.listener(NOT_FOUND)
        self.rule = self.aws.rule(self.listener, 10, self.both(stable, canary, sticky=sticky))
        self.services: dict[str, list[str]] = {}
        self.running: dict[str, int] = {}

    def both(self, stable: int, canary: int, *, sticky: int = 0, order: int | None = None) -> dict[str, Any]:
        return forward({self.stable: stable, self.canary: canary}, sticky=sticky, order=order)

    def split(self, rule: str | None = None) -> tuple[int, int]:
        weights = self.aws.weights(rule or self.rule)
        return weights[self.stable], weights[self.canary]

    def shift(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        """Run the module by target-group ARNs, unless the options name the groups otherwise."""
        if "stable_service" not in options:
            options = {"stable_target_group": self.stable, "canary_target_group": self.canary, **options}
        self.aws.calls.clear()
        with serve({"elbv2": self.aws.answer, "ecs": self._ecs}):
            return run_module(ecs_canary_weights.main, check=check, **{"region": REGION, **options})

    def _ecs(self, operation: str, parameters: dict[str, Any]) -> Answer:
        self.aws.calls.append((operation, parameters))
        assert operation == "DescribeServices"
        found = [
            {
                "serviceName": name,
                "serviceArn": f"arn:aws:ecs:{REGION}:123456789012:service/shop/{name}",
                "clusterArn": f"arn:aws:ecs:{REGION}:123456789012:cluster/shop",
                "status": "ACTIVE",
                "runningCount": self.running.get(name, 0),
                "loadBalancers": [{"targetGroupArn": arn} for arn in self.services[name]],
            }
            for name in dict.fromkeys(each.rpartition("/")[2] for each in parameters["services"])
            if name in self.services
        ]
        return {"services": found, "failures": []}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that jumps instead of waiting; the list holds every sleep."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    yield slept


@pytest.fixture
def shop() -> Shop:
    return Shop()


def raising(error: Exception) -> Callable[[], None]:
    def effect() -> None:
        raise error

    return effect


# What a shift costs


def test_a_shift_of_one_named_rule_takes_four_calls(shop: Shop) -> None:
    result = shop.shift(rules=[shop.rule], percent=25)
    assert result["changed"] is True
    assert shop.split() == (75, 25)
    assert shop.aws.operations == ["DescribeRules", "DescribeTargetHealth", "ModifyRule", "DescribeRules"]


def test_a_repeated_shift_of_one_named_rule_takes_one_call(shop: Shop) -> None:
    shop.shift(rules=[shop.rule], percent=25)
    assert shop.shift(rules=[shop.rule], percent=25)["changed"] is False
    assert shop.aws.operations == ["DescribeRules"]


def test_a_repeated_shift_by_target_groups_takes_three_calls(shop: Shop) -> None:
    shop.shift(percent=25)
    assert shop.shift(percent=25)["changed"] is False
    assert shop.aws.operations == ["DescribeTargetGroups", "DescribeListeners", "DescribeRules"]


def test_target_groups_by_name_cost_no_further_call(shop: Shop) -> None:
    shop.shift(percent=25)
    assert (
        shop.shift(stable_target_group="cart-stable", canary_target_group="cart-canary", percent=25)["changed"] is False
    )
    assert shop.aws.operations == ["DescribeTargetGroups", "DescribeListeners", "DescribeRules"]


def test_names_of_which_one_begins_with_the_other() -> None:
    aws = Balancer()
    canary, stable = aws.target_group("cart-canary"), aws.target_group("cart")
    rule = aws.rule(aws.listener(NOT_FOUND), 10, forward({stable: 100, canary: 0}))
    shop = Shop()
    shop.aws = aws
    assert shop.shift(stable_target_group="cart", canary_target_group="cart-canary", percent=25)["changed"] is True
    assert aws.weights(rule) == {stable: 75, canary: 25}


# What it changes


def test_every_rule_with_both_groups_is_shifted_and_no_other() -> None:
    shop = Shop()
    aws = shop.aws
    aws.page = 1
    longer = aws.target_group("cart-canary-v2")
    secure = aws.listener(shop.both(1, 0), port=443, protocol="HTTPS")
    wanted = [shop.rule, aws.default_rule(secure)]
    wanted += [aws.rule(secure, priority, shop.both(100, 0)) for priority in range(1, 6)]
    other = aws.rule(secure, 50, forward({shop.stable: 1, longer: 0}))
    alone = aws.rule(secure, 60, forward({shop.stable: 1}))
    forced = aws.rule(secure, 70, forward({shop.canary: 1}))
    search = aws.target_group("search")
    elsewhere = aws.listener(forward({search: 1}), balancer="other")
    result = shop.shift(percent=10)
    assert {rule["rule_arn"] for rule in result["rules"]} == set(wanted)
    assert {shop.split(rule) for rule in wanted} == {(90, 10)}
    assert aws.weights(other) == {shop.stable: 1, longer: 0}
    assert aws.weights(alone) == {shop.stable: 1}
    assert aws.weights(forced) == {shop.canary: 1}
    assert aws.weights(aws.default_rule(elsewhere)) == {search: 1}
    assert len(aws.writes) == len(wanted)


def test_services_on_two_load_balancers_that_share_rules_on_one(shop: Shop) -> None:
    """A target group has one load balancer, so that a service behind two has two groups."""
    inner = [shop.aws.target_group("cart-stable-inner"), shop.aws.target_group("cart-canary-inner")]
    for port, group in enumerate(inner, start=90):
        shop.aws.listener(forward({group: 1}), balancer="internal", port=port)
    shop.services = {"cart-stable": [inner[0], shop.stable], "cart-canary": [inner[1], shop.canary]}
    shop.shift(percent=50, **SERVICES)
    assert shop.split() == (50, 50)
    assert shop.aws.operations.count("DescribeListeners") == 2


def test_a_load_balancer_of_one_of_the_services_is_not_searched(shop: Shop) -> None:
    inner = shop.aws.target_group("cart-stable-inner")
    shop.aws.listener(forward({inner: 1}), balancer="internal")
    shop.services = {"cart-stable": [inner, shop.stable], "cart-canary": [shop.canary]}
    shop.shift(percent=50, **SERVICES)
    assert shop.aws.operations.count("DescribeListeners") == 1


def test_a_default_rule_goes_through_its_listener(shop: Shop) -> None:
    listener = shop.aws.listener(shop.both(100, 0), port=81)
    result = shop.shift(rules=[listener], percent=25)
    assert shop.aws.operations == ["DescribeRules", "DescribeTargetHealth", "ModifyListener", "DescribeRules"]
    assert shop.split(shop.aws.default_rule(listener)) == (75, 25)
    assert (result["rules"][0]["default"], result["rules"][0]["priority"]) == (True, None)
    assert shop.split() == (100, 0)


def test_more_rules_than_one_call_takes() -> None:
    shop = Shop()
    rules = [shop.aws.rule(shop.listener, priority, shop.both(100, 0)) for priority in range(20, 45)]
    result = shop.shift(rules=rules, percent=25)
    assert len(result["rules"]) == 25
    assert {shop.split(rule) for rule in rules} == {(75, 25)}


@pytest.mark.parametrize("authenticate", [OIDC, COGNITO], ids=["oidc", "cognito"])
def test_what_comes_before_the_forward_is_kept(shop: Shop, authenticate: dict[str, Any]) -> None:
    rule = shop.aws.rule(shop.listener, 20, authenticate, shop.both(100, 0, sticky=600, order=2))
    result = shop.shift(rules=[rule], percent=25)
    first, last = shop.aws.rules[rule]["actions"]
    assert first == authenticate
    assert (last["Order"], shop.split(rule)) == (2, (75, 25))
    assert last["ForwardConfig"]["TargetGroupStickinessConfig"] == {"Enabled": True, "DurationSeconds": 600}
    assert "hunter2" not in str(result)


def test_other_rules_of_the_same_listener_are_never_written(shop: Shop) -> None:
    redirect = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Protocol": "HTTPS"}}
    untouched = [shop.aws.default_rule(shop.listener), shop.aws.rule(shop.listener, 5, redirect)]
    before = [shop.aws.rules[rule]["actions"] for rule in untouched]
    shop.shift(percent=50)
    assert [shop.aws.rules[rule]["actions"] for rule in untouched] == before
    assert shop.aws.writes == ["ModifyRule"]


@pytest.mark.parametrize(
    ("live", "wanted"),
    [((50, 50), {"weights": {"stable": 500, "canary": 500}}), ((500, 500), {"percent": 50}), ((1, 0), {"percent": 0})],
)
def test_the_same_ratio_is_no_change(live: tuple[int, int], wanted: dict[str, Any]) -> None:
    shop = Shop(stable=live[0], canary=live[1])
    result = shop.shift(**wanted)
    assert (result["changed"], shop.aws.writes, shop.split()) == (False, [], live)


def test_weights_may_be_given_by_the_older_name(shop: Shop) -> None:
    result = shop.shift(weights={"primary": 95, "canary": 5})
    assert (result["percent"], shop.split()) == (5.0, (95, 5))


def test_an_older_name_for_the_stable_target_group(shop: Shop) -> None:
    with serve({"elbv2": shop.aws.answer}):
        result = run_module(
            ecs_canary_weights.main,
            region=REGION,
            primary_target_group=shop.stable,
            canary_target_group=shop.canary,
            percent="25",
        )
    assert (result["percent"], shop.split()) == (25.0, (75, 25))


# What it returns


def test_the_result_says_what_was_done(shop: Shop) -> None:
    result = shop.shift(percent=0.5)
    assert result["rules"] == [
        {
            "rule_arn": shop.rule,
            "listener_arn": shop.listener,
            "default": False,
            "priority": 10,
            "before": {"stable": 100, "canary": 0, "percent": 0.0},
            "after": {"stable": 199, "canary": 1, "percent": 0.5},
            "changed": True,
        }
    ]
    assert result["canary_target_group"] == {"arn": shop.canary, "name": "cart-canary", "healthy": 2, "registered": 2}
    assert result["stable_target_group"]["healthy"] is None
    assert result["sticky_seconds"] == 0
    assert any(shop.rule in line and "199/1" in line for line in result["log"])


def test_check_mode_says_the_same_and_writes_nothing(shop: Shop) -> None:
    foreseen = shop.shift(check=True, percent=25)
    assert shop.aws.writes == []
    assert shop.split() == (100, 0)
    done = shop.shift(percent=25)
    assert set(foreseen) == set(done)
    for key in ("changed", "percent", "rules", "diff", "stable_target_group", "canary_target_group"):
        assert foreseen[key] == done[key], key


def test_check_mode_of_a_repeat_is_no_change() -> None:
    assert Shop(stable=75, canary=25).shift(check=True, percent=25)["changed"] is False


# Health


def test_no_traffic_to_a_group_without_healthy_targets(shop: Shop, clock: list[float]) -> None:
    shop.aws.groups[shop.canary]["states"] = ["unhealthy", "initial"]
    result = shop.shift(percent=25, wait_timeout=60)
    assert result["failed"] is True
    assert "cart-canary has 0 healthy targets" in result["msg"]
    assert "60 s" in result["msg"]
    assert "nothing was changed" in result["msg"]
    assert (shop.aws.writes, shop.split()) == ([], (100, 0))
    assert sum(clock) == pytest.approx(60)


def test_it_waits_for_healthy_targets(shop: Shop) -> None:
    def heal() -> None:
        shop.aws.groups[shop.canary]["states"] = ["healthy", "healthy"]

    shop.aws.groups[shop.canary]["states"] = ["initial", "initial"]
    shop.aws.interrupt("DescribeTargetHealth", 4, heal)
    assert shop.shift(percent=25)["changed"] is True
    assert shop.split() == (75, 25)


def test_half_of_the_registered_targets_is_enough(shop: Shop) -> None:
    shop.aws.groups[shop.canary]["states"] = ["healthy", "initial", "draining"]
    assert shop.shift(percent=25)["changed"] is True
    shop.aws.groups[shop.canary]["states"] = ["healthy", "initial", "initial"]
    assert shop.shift(percent=50, wait_timeout=0)["failed"] is True


def test_a_group_that_only_loses_traffic_may_be_ill() -> None:
    shop = Shop(stable=50, canary=50)
    shop.aws.groups[shop.canary]["states"] = []
    assert shop.shift(percent=0)["changed"] is True


def test_a_rollback_needs_healthy_stable_targets() -> None:
    shop = Shop(stable=0, canary=100)
    shop.aws.groups[shop.stable]["states"] = []
    result = shop.shift(percent=0, wait_timeout=0)
    assert "cart-stable has 0 healthy targets" in result["msg"]
    assert "No target is registered" in result["msg"]
    assert shop.split() == (0, 100)


def test_check_mode_warns_of_ill_targets_and_does_not_wait(shop: Shop, clock: list[float]) -> None:
    shop.aws.groups[shop.canary]["states"] = ["initial"]
    result = shop.shift(check=True, percent=25)
    assert result["changed"] is True
    assert any("0 healthy targets" in str(warning) for warning in result["warnings"])
    assert clock == []


def test_a_rule_that_changed_during_the_wait_is_not_written_over(shop: Shop) -> None:
    def meanwhile() -> None:
        shop.aws.groups[shop.canary]["states"] = ["healthy"]
        shop.aws.set_weights(shop.rule, {shop.stable: 40, shop.canary: 60})

    shop.aws.groups[shop.canary]["states"] = ["initial"]
    shop.aws.interrupt("DescribeTargetHealth", 2, meanwhile)
    result = shop.shift(percent=25)
    assert "while this shift waited" in result["msg"]
    assert (shop.aws.writes, shop.split()) == ([], (40, 60))


def test_a_way_back_goes_on_though_a_rule_changed_while_it_waited(shop: Shop) -> None:
    def meanwhile() -> None:
        shop.aws.groups[shop.stable]["states"] = ["healthy"]
        shop.aws.set_weights(shop.rule, {shop.stable: 40, shop.canary: 60})

    shop.aws.set_weights(shop.rule, {shop.stable: 50, shop.canary: 50})
    shop.aws.groups[shop.stable]["states"] = ["initial"]
    shop.aws.interrupt("DescribeTargetHealth", 2, meanwhile)
    result = shop.shift(percent=0, on_partial_failure="go_on")
    assert not result.get("failed"), result
    assert shop.split() == (100, 0)
    assert result["rules"][0]["before"]["percent"] == 60.0


# Conditions


def test_from_percent_holds_the_write_to_what_is_live(shop: Shop) -> None:
    result = shop.shift(from_percent=10, percent=25)
    assert result["failed"] is True
    assert "from_percent is 10" in result["msg"]
    assert "0 % canary (100/0)" in result["msg"]
    assert shop.aws.writes == []
    assert shop.shift(from_percent=0, percent=25)["changed"] is True


def test_a_conditional_write_can_be_repeated() -> None:
    assert Shop(stable=75, canary=25).shift(from_percent=10, percent=25)["changed"] is False


def test_stickiness_is_turned_off_when_asked() -> None:
    shop = Shop(stable=50, canary=50, sticky=600)
    assert shop.shift(percent=50)["changed"] is False
    result = shop.shift(percent=50, stickiness="disable")
    assert (result["changed"], result["sticky_seconds"]) == (True, 0)
    config = shop.aws.rules[shop.rule]["actions"][0]["ForwardConfig"]
    assert config["TargetGroupStickinessConfig"] == {"Enabled": False}
    assert shop.shift(percent=50, stickiness="disable")["changed"] is False


def test_stickiness_of_a_target_group_forbids_to_turn_it_off() -> None:
    shop = Shop(sticky=600)
    shop.aws.groups[shop.canary]["attributes"]["stickiness.enabled"] = "true"
    result = shop.shift(percent=25, stickiness="disable")
    assert "cart-canary has stickiness on" in result["msg"]
    assert shop.aws.writes == []


def test_the_way_back_goes_on_where_stickiness_cannot_be_turned_off() -> None:
    shop = Shop(stable=75, canary=25, sticky=600)
    shop.aws.groups[shop.canary]["attributes"]["stickiness.enabled"] = "true"
    result = shop.shift(percent=0, stickiness="disable", on_partial_failure="go_on")
    assert (result["changed"], result["sticky_seconds"]) == (True, 600)
    assert any("cart-canary has stickiness on" in str(warning) for warning in result["warnings"])
    config = shop.aws.rules[shop.rule]["actions"][0]["ForwardConfig"]
    assert config["TargetGroupStickinessConfig"]["Enabled"] is True


def test_sticky_clients_are_a_risk_on_the_way_to_nothing() -> None:
    shop = Shop(stable=75, canary=25, sticky=604800)
    result = shop.shift(percent=0)
    assert result["sticky_seconds"] == 604800
    assert any("604800 s" in str(warning) for warning in result["warnings"])


# Refusals


def test_a_third_group_is_refused_by_name(shop: Shop) -> None:
    third = shop.aws.target_group("cart-next")
    shop.aws.rule(shop.listener, 5, forward({shop.stable: 90, shop.canary: 0, third: 10}))
    result = shop.shift(percent=25)
    assert "third target group" in result["msg"]
    assert "cart-next" in result["msg"]
    assert shop.aws.writes == []


def test_no_matching_rule_says_what_was_searched(shop: Shop) -> None:
    shop.aws.rules[shop.rule]["actions"] = [forward({shop.stable: 1})]
    shop.aws.rule(shop.listener, 20, forward({shop.canary: 1}))
    result = shop.shift(percent=25)
    assert result["failed"] is True
    assert "3 rules of 1 listener on" in result["msg"]
    assert "loadbalancer/app/shop" in result["msg"]
    assert "unused" not in result["msg"]


def test_a_canary_group_in_no_rule_is_told_apart(shop: Shop) -> None:
    shop.aws.rules[shop.rule]["actions"] = [forward({shop.stable: 1})]
    result = shop.shift(percent=25)
    assert f"In no rule at all: {shop.canary}" in result["msg"]
    assert "weight 0" in result["msg"]


def test_a_named_rule_must_forward_to_both_groups(shop: Shop) -> None:
    other = shop.aws.rule(shop.listener, 20, forward({shop.stable: 1}))
    result = shop.shift(rules=[shop.rule, other], percent=25)
    assert other in result["msg"]
    assert shop.aws.writes == []


def test_a_rule_that_does_not_exist(shop: Shop) -> None:
    result = shop.shift(rules=[f"{shop.rule}f"], percent=25)
    assert "RuleNotFound" in result["msg"]


def test_a_target_group_that_does_not_exist(shop: Shop) -> None:
    result = shop.shift(canary_target_group="cart-canray", percent=25)
    assert "cart-canray" in result["msg"]
    assert "TargetGroupNotFound" in result["msg"]


BAD_INPUT = {
    "percent over 100": ({"percent": 150}, "from 0 to 100"),
    "percent below 0": ({"percent": -1}, "from 0 to 100"),
    "percent not a number": ({"percent": "nan"}, "from 0 to 100"),
    "percent endless": ({"percent": "inf"}, "from 0 to 100"),
    "percent a word": ({"percent": "half"}, "percent"),
    "percent too fine": ({"percent": 12.34}, "steps of 0.1"),
    "from_percent over 100": ({"percent": 25, "from_percent": 101}, "from_percent"),
    "neither": ({}, "one of the following is required: percent, weights"),
    "both": ({"percent": 25, "weights": {"stable": 1, "canary": 1}}, "mutually exclusive"),
    "weights over 999": ({"weights": {"stable": 1000, "canary": 1}}, "0 to 999"),
    "weights below 0": ({"weights": {"stable": 110, "canary": -10}}, "weights.canary is -10"),
    "weights both 0": ({"weights": {"stable": 0, "canary": 0}}, "both 0"),
    "weights incomplete": ({"weights": {"stable": 95}}, "canary"),
    "weights fractional": ({"weights": {"stable": 0.5, "canary": 1}}, "stable"),
    "unknown stickiness": ({"percent": 25, "stickiness": "off"}, "stickiness"),
    "negative timeout": ({"percent": 25, "wait_timeout": -1}, "wait_timeout"),
    "no canary group": ({"percent": 25, "canary_target_group": None}, "canary_target_group is empty"),
    "percent null": ({"percent": None}, "percent is empty"),
    "weight null": ({"weights": {"stable": None, "canary": 1}}, "stable"),
    "service and group": (
        {"percent": 25, "stable_service": "s", "canary_service": "c", "cluster": "shop", "stable_target_group": "x"},
        "mutually exclusive",
    ),
    "service without cluster": ({"percent": 25, "stable_service": "s", "canary_service": "c"}, "required together"),
    "same service": (
        {"percent": 25, "stable_service": "s", "canary_service": "s", "cluster": "shop"},
        "both s",
    ),
    "empty service": ({"percent": 25, "stable_service": "", "canary_service": "c", "cluster": "shop"}, "is empty"),
    "empty group": ({"percent": 25, "canary_target_group": " "}, "is empty"),
    "same group": ({"percent": 25, "stable_target_group": "cart", "canary_target_group": "cart"}, "both cart"),
    "group of another service": (
        {"percent": 25, "canary_target_group": "arn:aws:ecs:eu-west-1:123456789012:service/shop/cart"},
        "not the ARN of a targetgroup",
    ),
    "group of another region": (
        {"percent": 25, "canary_target_group": f"{PREFIX.replace(REGION, 'us-east-1')}:targetgroup/c/1"},
        "us-east-1",
    ),
    "rule of another region": (
        {"percent": 25, "rules": [f"{PREFIX.replace(REGION, 'us-east-1')}:listener-rule/app/shop/1/2/3"]},
        "us-east-1",
    ),
    "rule is no ARN": ({"percent": 25, "rules": ["10"]}, "not the ARN of a listener"),
    "rule is a load balancer": (
        {"percent": 25, "rules": [f"{PREFIX}:loadbalancer/app/shop/1"]},
        "not the ARN of a listener",
    ),
    "rule of a network load balancer": (
        {"percent": 25, "rules": [f"{PREFIX}:listener/net/shop/1/2"]},
        "not of an Application Load Balancer",
    ),
    "unknown option": ({"percent": 25, "weight": 1}, "weight"),
}


@pytest.mark.parametrize("bad", BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_before_any_call(shop: Shop, bad: tuple[dict[str, Any], str]) -> None:
    options, said = bad
    result = shop.shift(**options)
    assert result["failed"] is True
    assert said in result["msg"]
    assert "Traceback" not in str(result)
    assert shop.aws.calls == []


# Failures in between


@pytest.fixture
def five() -> tuple[Shop, list[str]]:
    shop = Shop()
    rules = [shop.rule, *(shop.aws.rule(shop.listener, priority, shop.both(100, 0)) for priority in range(20, 60, 10))]
    return shop, sorted(rules)


def test_a_failed_write_puts_back_those_before_it(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    shop.aws.interrupt("ModifyRule", 3, raising(Refusal("AccessDenied", "no")))
    result = shop.shift(percent=25)
    assert result["failed"] is True
    assert "ModifyRule" in result["msg"]
    assert "Put back as they were" in result["msg"]
    assert {shop.split(rule) for rule in rules} == {(100, 0)}
    assert [rule["live"]["percent"] for rule in result["rules"]] == [0.0] * 5
    assert result["changed"] is False


def test_what_is_left_of_a_failed_shift_follows_somebody_elses(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five

    def meanwhile() -> None:
        shop.aws.set_weights(rules[0], {shop.stable: 40, shop.canary: 60})
        raise Refusal("AccessDenied", "no")

    shop.aws.interrupt("ModifyRule", 3, meanwhile)
    result = shop.shift(percent=25)
    assert [shop.split(rule) for rule in rules] == [(40, 60)] * 2 + [(100, 0)] * 3
    assert [rule["live"]["percent"] for rule in result["rules"]] == [60.0] * 2 + [0.0] * 3


def test_a_failed_write_can_leave_those_before_it(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    shop.aws.interrupt("ModifyRule", 3, raising(Refusal("AccessDenied", "no")))
    result = shop.shift(percent=25, on_partial_failure="leave")
    assert [shop.split(rule) for rule in rules] == [(75, 25)] * 2 + [(100, 0)] * 3
    assert [rule["live"]["percent"] for rule in result["rules"]] == [25.0] * 2 + [0.0] * 3
    assert rules[0] in result["msg"]
    assert "on_partial_failure is leave" in result["msg"]
    assert result["changed"] is True


def test_the_way_back_goes_on_past_a_rule_that_is_refused(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    shop.shift(percent=25)
    for number in (7, 9):
        shop.aws.interrupt("ModifyRule", number, raising(Refusal("AccessDenied", "no")))
    result = shop.shift(percent=0, on_partial_failure="go_on")
    assert result["failed"] is True
    assert [shop.split(rule)[1] for rule in rules] == [0, 25, 0, 25, 0]
    assert [rule["live"]["percent"] for rule in result["rules"]] == [0.0, 25.0, 0.0, 25.0, 0.0]
    refused, _between, left = result["msg"].partition("Left as changed")
    assert [rule in refused for rule in rules] == [False, True, False, True, False]
    assert [rule in left for rule in rules] == [True, False, True, False, True]


def test_when_putting_back_fails_too_the_message_says_what_is_left(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    for number in (3, 4):
        shop.aws.interrupt("ModifyRule", number, raising(Refusal("AccessDenied", "no")))
    result = shop.shift(percent=25)
    assert f"({rules[0]}) could not be put back to 0 % canary (100/0)" in result["msg"]
    assert [rule["live"]["percent"] for rule in result["rules"]] == [25.0, 0.0, 0.0, 0.0, 0.0]
    assert result["changed"] is True


def test_a_refused_first_write_changed_nothing(shop: Shop) -> None:
    shop.aws.interrupt("ModifyRule", 1, raising(Refusal("AccessDenied", "no")))
    result = shop.shift(percent=25)
    assert "No rule was changed" in result["msg"]
    assert "permission denied" in result["msg"]
    assert (result["changed"], shop.aws.writes) == (False, ["ModifyRule"])


def test_a_lost_answer_to_a_write_that_took_effect_is_no_failure(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    shop.aws.interrupt("ModifyRule", 2, raising(ConnectionClosedError(endpoint_url="https://aws.example")), after=True)
    result = shop.shift(percent=25)
    assert result["changed"] is True
    assert {shop.split(rule) for rule in rules} == {(75, 25)}


def test_a_write_whose_fate_is_unknown_is_put_back_too(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    lost = raising(ConnectionClosedError(endpoint_url="https://aws.example"))
    shop.aws.interrupt("ModifyRule", 2, lost, after=True)
    shop.aws.interrupt("DescribeRules", 4, raising(Refusal("AccessDenied", "no")))
    result = shop.shift(percent=25)
    assert result["failed"] is True
    assert rules[1] in result["msg"].partition("Put back as they were")[2]
    assert {shop.split(rule) for rule in rules} == {(100, 0)}


def deny_reading(shop: Shop, *numbers: int) -> None:
    for number in numbers:
        shop.aws.interrupt("DescribeRules", number, raising(Refusal("AccessDenied", "no")))


def test_rules_that_cannot_be_read_in_between_are_put_back(five: tuple[Shop, list[str]]) -> None:
    """The first reading finds the rules; then they are read before each write."""
    shop, rules = five
    deny_reading(shop, 5)
    result = shop.shift(percent=25)
    assert "DescribeRules" in result["msg"]
    assert "Put back as they were" in result["msg"]
    assert {shop.split(rule) for rule in rules} == {(100, 0)}
    assert [rule["live"]["percent"] for rule in result["rules"]] == [0.0] * 5
    assert result["changed"] is False


def test_rules_that_cannot_be_read_in_between_can_be_left(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    deny_reading(shop, 5)
    result = shop.shift(percent=25, on_partial_failure="leave")
    assert [shop.split(rule) for rule in rules] == [(75, 25)] * 3 + [(100, 0)] * 2
    assert all(rule in result["msg"].partition("on_partial_failure is leave")[2] for rule in rules[:3])
    assert (result["changed"], len(result["rules"])) == (True, 5)


def test_a_shift_that_cannot_be_read_back_says_that_it_was_written(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    deny_reading(shop, 7)
    result = shop.shift(percent=25)
    assert result["failed"] is True
    assert "The rules were written, but could not be read back" in result["msg"]
    assert {shop.split(rule) for rule in rules} == {(75, 25)}
    assert [rule["live"] for rule in result["rules"]] == [None] * 5
    assert result["changed"] is True


def test_a_throttled_write_is_repeated(shop: Shop) -> None:
    shop.aws.interrupt("ModifyRule", 1, raising(Refusal("Throttling", "slow down")))
    assert shop.shift(percent=25)["changed"] is True
    assert shop.aws.writes == ["ModifyRule", "ModifyRule"]


# Somebody else


def test_a_rule_that_somebody_else_changed_is_an_error_with_both_values(shop: Shop, clock: list[float]) -> None:
    shop.aws.interrupt(
        "ModifyRule", 1, lambda: shop.aws.set_weights(shop.rule, {shop.stable: 40, shop.canary: 60}), after=True
    )
    result = shop.shift(percent=25)
    assert result["failed"] is True
    assert "25 % canary (75/25)" in result["msg"]
    assert "60 % canary (40/60)" in result["msg"]
    assert (shop.split(), shop.aws.writes) == ((40, 60), ["ModifyRule"])
    assert clock == []


def test_a_rule_that_needed_no_change_is_read_back_too(shop: Shop) -> None:
    ready = shop.aws.rule(shop.listener, 20, shop.both(75, 25))
    shop.aws.interrupt(
        "ModifyRule", 1, lambda: shop.aws.set_weights(ready, {shop.stable: 40, shop.canary: 60}), after=True
    )
    assert "60 % canary (40/60)" in shop.shift(percent=25)["msg"]


def test_a_read_that_is_behind_is_read_again(shop: Shop) -> None:
    new: list[dict[str, int]] = []

    def hide() -> None:
        new.append(shop.aws.weights(shop.rule))
        shop.aws.set_weights(shop.rule, {shop.canary: 0, shop.stable: 100})

    shop.aws.interrupt("ModifyRule", 1, hide, after=True)
    shop.aws.interrupt("DescribeRules", 4, lambda: shop.aws.set_weights(shop.rule, new[0]))
    assert shop.shift(percent=25)["changed"] is True


def test_a_write_that_never_shows_is_an_error(shop: Shop, clock: list[float]) -> None:
    shop.aws.interrupt(
        "ModifyRule", 1, lambda: shop.aws.set_weights(shop.rule, {shop.canary: 0, shop.stable: 100}), after=True
    )
    result = shop.shift(percent=25)
    assert "0 % canary (100/0)" in result["msg"]
    assert sum(clock) == pytest.approx(15)


def shift_to_half(shop: Shop) -> Callable[[], None]:
    """Another shift, which runs to its end."""

    def other_shift() -> None:
        with serve({"elbv2": shop.aws.answer}):
            other = run_module(
                ecs_canary_weights.main,
                region=REGION,
                stable_target_group=shop.stable,
                canary_target_group=shop.canary,
                percent=50,
            )
        assert other["changed"] is True

    return other_shift


def test_a_shift_that_lost_leaves_nothing_of_its_own(five: tuple[Shop, list[str]], clock: list[float]) -> None:
    """Somebody has the first rule, and the others are not written again: they follow it."""
    shop, rules = five
    shop.aws.interrupt(
        "ModifyRule", 3, lambda: shop.aws.set_weights(rules[0], {shop.stable: 50, shop.canary: 50}), after=True
    )
    result = shop.shift(percent=25)
    assert [shop.split(rule) for rule in rules] == [(50, 50)] * 3 + [(100, 0)] * 2
    assert "Somebody else changed the split" in result["msg"]
    assert "Set to what the first of the rules has, 50 % canary (50/50): rule " in result["msg"]
    assert clock == []


def login(client: str) -> dict[str, Any]:
    return {
        **COGNITO,
        "AuthenticateCognitoConfig": {**COGNITO["AuthenticateCognitoConfig"], "UserPoolClientId": client},
    }


@pytest.mark.parametrize("number", [0, 2])
def test_a_login_that_somebody_changes_meanwhile_is_never_lost(five: tuple[Shop, list[str]], number: int) -> None:
    """On a rule that is written already, and on one that is not."""
    shop, rules = five
    for rule in rules:
        shop.aws.rules[rule]["actions"][:0] = [login("old")]
    shop.aws.interrupt(
        "ModifyRule",
        2,
        lambda: shop.aws.rules[rules[number]]["actions"].__setitem__(0, login("new")),
        after=True,
    )
    result = shop.shift(percent=25)
    assert "Somebody else changed" in result["msg"]
    assert "after authenticate-cognito" in result["msg"]
    logins = [shop.aws.rules[rule]["actions"][0]["AuthenticateCognitoConfig"]["UserPoolClientId"] for rule in rules]
    assert logins == ["new" if at == number else "old" for at in range(5)]


def test_a_rule_that_is_deleted_meanwhile_is_said_to_be_gone(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    shop.aws.interrupt("ModifyRule", 2, lambda: shop.aws.rules.__delitem__(rules[3]), after=True)
    result = shop.shift(percent=25)
    assert "is gone" in result["msg"]
    assert {shop.split(rule) for rule in rules if rule != rules[3]} == {(100, 0)}
    assert result["rules"][3]["live"] is None


def test_a_way_back_goes_on_though_the_rules_cannot_be_read(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    shop.shift(percent=25)
    known = sum(operation == "DescribeRules" for operation in shop.aws.operations)
    deny_reading(shop, *range(known + 3, known + 30))
    result = shop.shift(percent=0, on_partial_failure="go_on")
    assert "could not be read back" in result["msg"]
    assert {shop.split(rule) for rule in rules} == {(100, 0)}


def test_a_way_back_that_cannot_be_read_still_names_the_rule_that_was_refused(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    shop.shift(percent=25)
    known = sum(operation == "DescribeRules" for operation in shop.aws.operations)
    deny_reading(shop, *range(known + 3, known + 30))
    shop.aws.interrupt("ModifyRule", 7, raising(Refusal("AccessDenied", "no")))
    result = shop.shift(percent=0, on_partial_failure="go_on")
    assert [shop.split(rule)[1] for rule in rules] == [0, 25, 0, 0, 0]
    assert rules[1] in result["msg"].partition("Left as changed")[0]
    assert "The rules were written" not in result["msg"]


def test_a_way_back_that_lost_raises_no_share_again(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    shop.shift(percent=25)
    shop.aws.interrupt(
        "ModifyRule", 7, lambda: shop.aws.set_weights(rules[0], {shop.stable: 50, shop.canary: 50}), after=True
    )
    result = shop.shift(percent=0, on_partial_failure="go_on")
    assert [shop.split(rule)[1] for rule in rules] == [0] * 5, "it begins anew, from what is then"
    assert result["changed"] is True


def test_a_way_back_that_loses_every_time_raises_no_share_again(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five
    shop.shift(percent=25)
    shop.aws.calls.clear()
    for number in range(6, 20):
        shop.aws.interrupt(
            "ModifyRule",
            number,
            lambda: shop.aws.set_weights(rules[0], {shop.stable: 50, shop.canary: 50}),
            after=True,
        )
    result = shop.shift(percent=0, on_partial_failure="go_on")
    assert "Somebody else changed the split" in result["msg"]
    assert result["changed"] is True
    assert shop.split(rules[0]) == (50, 50)
    assert {shop.split(rule)[1] for rule in rules[1:]} <= {0, 25}
    assert len(shop.aws.writes) == ecs_canary_weights.RACES


def test_a_later_rule_that_somebody_else_changed_is_left_and_the_others_are_put_back(
    five: tuple[Shop, list[str]], clock: list[float]
) -> None:
    shop, rules = five
    shop.aws.interrupt(
        "ModifyRule", 5, lambda: shop.aws.set_weights(rules[2], {shop.stable: 40, shop.canary: 60}), after=True
    )
    result = shop.shift(percent=25)
    assert [shop.split(rule)[1] for rule in rules] == [0, 0, 60, 0, 0]
    assert "should be at 25 % canary (75/25) but is at 60 % canary (40/60)" in result["msg"]
    assert sum(clock) == pytest.approx(15), "for another shift to notice that it lost"


@pytest.mark.parametrize("write", range(1, 6))
def test_of_two_shifts_at_once_one_wins(five: tuple[Shop, list[str]], write: int) -> None:
    """The other one runs to its end right after our nth write: it must win wholly, and we must say so."""
    shop, rules = five
    shop.aws.interrupt("ModifyRule", write, shift_to_half(shop), after=True)
    result = shop.shift(percent=25)
    assert "Somebody else" in result["msg"]
    assert {shop.split(rule) for rule in rules} == {(50, 50)}
    assert [rule["live"]["percent"] for rule in result["rules"]] == [50.0] * 5


@pytest.mark.parametrize("refused", [Refusal("Throttling", "slow down"), Refusal("InternalFailure", "oops")])
@pytest.mark.parametrize("write", range(1, 6))
def test_a_throttled_write_is_not_repeated_over_another_shift(
    five: tuple[Shop, list[str]], write: int, refused: Exception
) -> None:
    """The other one runs to its end while ours is held back by AWS."""
    shop, rules = five

    def other_shift_and_refusal() -> None:
        shift_to_half(shop)()
        raise refused

    shop.aws.interrupt("ModifyRule", write, other_shift_and_refusal)
    result = shop.shift(percent=25)
    assert "Somebody else" in result["msg"]
    assert {shop.split(rule) for rule in rules} == {(50, 50)}


def test_a_throttled_putting_back_is_not_repeated_over_another_shift(five: tuple[Shop, list[str]]) -> None:
    shop, rules = five

    def other_shift_and_refusal() -> None:
        shift_to_half(shop)()
        raise Refusal("Throttling", "slow down")

    shop.aws.interrupt("ModifyRule", 4, raising(Refusal("AccessDenied", "no")))
    shop.aws.interrupt("ModifyRule", 5, other_shift_and_refusal)
    result = shop.shift(percent=25)
    assert "left to whoever else changed it" in result["msg"]
    assert {shop.split(rule) for rule in rules} == {(50, 50)}


def test_a_write_that_is_refused_for_good_is_given_up_with_the_others_put_back(
    five: tuple[Shop, list[str]], clock: list[float]
) -> None:
    shop, rules = five
    for number in range(3, 14):
        shop.aws.interrupt("ModifyRule", number, raising(Refusal("Throttling", "slow down")))
    result = shop.shift(percent=25)
    assert "Throttling" in result["msg"]
    assert {shop.split(rule) for rule in rules} == {(100, 0)}
    assert 0 < sum(clock) < 64


def test_from_percent_waits_for_a_reading_that_is_behind(shop: Shop, clock: list[float]) -> None:
    shop.aws.interrupt("DescribeRules", 3, lambda: shop.aws.set_weights(shop.rule, {shop.stable: 90, shop.canary: 10}))
    assert shop.shift(from_percent=10, percent=25)["changed"] is True
    assert clock == [0.5]


def test_from_percent_is_looked_at_right_before_the_write(shop: Shop) -> None:
    """Of two shifts of the same rule from the same percent, the second one does not write over the first."""
    shop.aws.interrupt("DescribeTargetHealth", 1, shift_to_half(shop), after=True)
    result = shop.shift(from_percent=0, percent=25)
    assert "Somebody else changed the split" in result["msg"]
    assert "No rule was changed" in result["msg"]
    assert shop.split() == (50, 50)


def test_rules_in_the_middle_of_somebody_elses_shift_are_given_time(
    five: tuple[Shop, list[str]], clock: list[float]
) -> None:
    shop, rules = five

    def write(*some: str) -> None:
        for rule in some:
            shop.aws.set_weights(rule, {shop.stable: 50, shop.canary: 50})

    write(rules[0])
    shop.aws.interrupt("DescribeRules", 3, lambda: write(*rules))
    assert shop.shift(percent=25)["changed"] is True
    assert {shop.split(rule) for rule in rules} == {(75, 25)}
    assert clock == [0.5]


# By service

SERVICES = {"cluster": "shop", "stable_service": "cart-stable", "canary_service": "cart-canary"}


def test_the_groups_of_two_services(shop: Shop) -> None:
    shop.services = {"cart-stable": [shop.stable], "cart-canary": [shop.canary]}
    assert shop.shift(percent=25, **SERVICES)["changed"] is True
    assert shop.split() == (75, 25)
    assert shop.aws.operations[0] == "DescribeServices"
    assert len(shop.aws.operations) == 7


def test_a_canary_without_half_of_the_targets_for_its_share_gets_none(shop: Shop) -> None:
    """Each of its two tasks would have a quarter of the requests, where one of stable's ten has a tenth."""
    shop.services = {"cart-stable": [shop.stable], "cart-canary": [shop.canary]}
    shop.running = {"cart-stable": 10, "cart-canary": 2}
    result = shop.shift(percent=50, wait_timeout=4, **SERVICES)
    assert result["failed"]
    assert "cart-canary has 2 healthy targets, and needs 3" in result["msg"]
    assert "size the service first, with canary.ecs.ecs_service_capacity" in result["msg"]
    assert (shop.split(), shop.aws.writes) == ((100, 0), [])
    assert shop.shift(percent=20, **SERVICES)["changed"] is True
    assert shop.split() == (80, 20)


def test_in_check_mode_a_canary_that_is_too_small_is_a_warning(shop: Shop) -> None:
    shop.services = {"cart-stable": [shop.stable], "cart-canary": [shop.canary]}
    shop.running = {"cart-stable": 10, "cart-canary": 2}
    result = shop.shift(check=True, percent=50, **SERVICES)
    assert (result["changed"], result.get("failed", False)) == (True, False)
    assert "needs 3 before its share rises" in str(result["warnings"])


def test_the_way_back_is_not_held_up_by_stables_size() -> None:
    shop = Shop(stable=0, canary=100)
    shop.services = {"cart-stable": [shop.stable], "cart-canary": [shop.canary]}
    shop.running = {"cart-stable": 1, "cart-canary": 10}
    assert shop.shift(percent=0, wait_timeout=0, **SERVICES)["changed"] is True
    assert shop.split() == (100, 0)


def test_the_pair_is_the_one_that_rules_forward_to(shop: Shop) -> None:
    further = [shop.aws.target_group("admin-stable"), shop.aws.target_group("admin-canary")]
    shop.aws.rule(shop.listener, 20, forward({further[0]: 1}))
    shop.services = {"cart-stable": [further[0], shop.stable], "cart-canary": [shop.canary, further[1]]}
    assert shop.shift(percent=25, **SERVICES)["changed"] is True
    assert shop.split() == (75, 25)


def test_a_network_load_balancer_of_both_services_is_not_searched(shop: Shop) -> None:
    tcp = [shop.aws.target_group("cart-stable-tcp"), shop.aws.target_group("cart-canary-tcp")]
    for port, group in enumerate(tcp, start=90):
        shop.aws.listener(forward({group: 1}), balancer="inner", kind="net", port=port, protocol="TCP")
    shop.services = {"cart-stable": [shop.stable, tcp[0]], "cart-canary": [shop.canary, tcp[1]]}
    assert shop.shift(percent=25, **SERVICES)["changed"] is True
    assert shop.split() == (75, 25)
    assert shop.aws.operations.count("DescribeListeners") == 1


def test_two_pairs_in_use_are_ambiguous(shop: Shop) -> None:
    further = [shop.aws.target_group("admin-stable"), shop.aws.target_group("admin-canary")]
    admin = shop.aws.rule(shop.listener, 20, forward({further[0]: 1, further[1]: 0}))
    shop.services = {"cart-stable": [further[0], shop.stable], "cart-canary": [shop.canary, further[1]]}
    result = shop.shift(percent=25, **SERVICES)
    assert "more than one pair" in result["msg"]
    assert "admin-stable" in result["msg"]
    assert shop.aws.writes == []
    assert shop.shift(percent=25, rules=[admin], **SERVICES)["changed"] is True
    assert shop.split() == (100, 0)


@pytest.mark.parametrize(
    ("services", "said"),
    [
        ({"cart-stable": ["stable"]}, "cart-canary does not exist"),
        ({"cart-stable": ["stable"], "cart-canary": []}, "canary service has no target group"),
        ({"cart-stable": ["stable"], "cart-canary": ["stable"]}, "the same target group"),
    ],
)
def test_services_that_cannot_be_a_pair(shop: Shop, services: dict[str, list[str]], said: str) -> None:
    shop.services = {name: [shop.stable for _group in groups] for name, groups in services.items()}
    result = shop.shift(percent=25, **SERVICES)
    assert said in result["msg"]
    assert shop.aws.writes == []


def test_one_service_by_name_and_by_arn_is_one(shop: Shop) -> None:
    shop.services = {"cart-stable": [shop.stable]}
    arn = f"arn:aws:ecs:{REGION}:123456789012:service/shop/cart-stable"
    result = shop.shift(percent=25, cluster="shop", stable_service="cart-stable", canary_service=arn)
    assert "both cart-stable" in result["msg"]
