# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against a load balancer in memory: it reads what there is, and never writes."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.modules import ecs_canary_info
from ansible_collections.canary.ecs.tests.unit.plugins.fake_balancer import REGION, Answer, Balancer, forward, serve
from ansible_collections.canary.ecs.tests.unit.plugins.run_module import run_module

CLUSTER = f"arn:aws:ecs:{REGION}:123456789012:cluster/shop"
SERVICES = {"cluster": "shop", "stable_service": "cart-stable", "canary_service": "cart-canary"}
ROLLED_OUT = {"id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": "COMPLETED"}


class Shop:
    """Two services behind one rule, the canary without a scalable target."""

    def __init__(self) -> None:
        self.aws = Balancer()
        self.groups = {name: self.aws.target_group(name) for name in ("cart-stable", "cart-canary")}
        self.stable, self.canary = self.groups.values()
        self.listener = self.aws.listener(forward({self.stable: 1}), port=8080)
        self.releases = {name: f"{name}:1" for name in self.groups}
        self.running = {name: [2] for name in self.groups}
        self.rule = self.aws.rule(self.listener, 10, forward({self.stable: 75, self.canary: 25}, sticky=60))

    def info(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        answers = {"elbv2": self.aws.answer, "ecs": self.ecs, "application-autoscaling": self.autoscaling}
        with serve(answers):
            return run_module(ecs_canary_info.main, check=check, region=REGION, **options)

    def ecs(self, operation: str, parameters: dict[str, Any]) -> Answer:
        self.aws.calls.append((operation, parameters))
        if operation == "DescribeTaskDefinition":
            image = f"shop/{parameters['taskDefinition']}"
            return {"taskDefinition": {"containerDefinitions": [{"name": "app", "image": image}]}}
        assert operation == "DescribeServices"
        return {"services": [self._service(name) for name in parameters["services"]]}

    def _service(self, name: str) -> Answer:
        return {
            "serviceName": name,
            "serviceArn": f"arn:aws:ecs:{REGION}:123456789012:service/shop/{name}",
            "clusterArn": CLUSTER,
            "status": "ACTIVE",
            "taskDefinition": self.releases[name],
            "deployments": [{**ROLLED_OUT, "taskDefinition": self.releases[name]}],
            "desiredCount": 2,
            "runningCount": self._now(name),
            "pendingCount": 0,
            "loadBalancers": [{"targetGroupArn": self.groups[name]}],
            "events": [{"message": f"news of {name}"}],
        }

    def _now(self, name: str) -> int:
        """The running tasks of one reading after the other; the last one stays."""
        return self.running[name].pop(0) if self.running[name][1:] else self.running[name][0]

    def autoscaling(self, operation: str, parameters: dict[str, Any]) -> Answer:
        self.aws.calls.append((operation, parameters))
        assert parameters["ResourceIds"] == ["service/shop/cart-stable", "service/shop/cart-canary"]
        stable = {"ResourceId": "service/shop/cart-stable", "MinCapacity": 2, "MaxCapacity": 8}
        return {"ScalableTargets": [stable]}


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The sleeps that were asked for, none of which is slept."""
    sleeps: list[float] = []
    monkeypatch.setattr(time, "sleep", sleeps.append)
    return sleeps


@pytest.mark.parametrize("check", [False, True])
def test_everything_about_two_services(shop: Shop, check: bool) -> None:
    info = shop.info(check=check, **SERVICES)
    assert (info["changed"], info["cluster"], info["percent"], info["promoted"]) == (False, "shop", 25.0, False)
    (rule,) = info["rules"]
    assert info["no_rules"] == ""
    assert (rule["rule_arn"], rule["port"], rule["protocol"], rule["sticky_seconds"]) == (shop.rule, 8080, "HTTP", 60)
    assert (rule["stable"], rule["canary"], rule["percent"], rule["others"]) == (75, 25, 25.0, [])
    stable, canary = info["stable"], info["canary"]
    assert (stable["service"], stable["images"], stable["min"], stable["max"]) == (
        "cart-stable",
        {"app": "shop/cart-stable:1"},
        2,
        8,
    )
    assert (canary["min"], canary["target_group"]["arn"], canary["target_group"]["healthy"]) == (None, shop.canary, 2)
    assert [each["url"] for each in info["load_balancers"]] == ["http://shop.example:8080"]
    assert shop.aws.writes == []


def test_by_target_groups_the_services_are_not_known(shop: Shop) -> None:
    info = shop.info(stable_target_group="cart-stable", canary_target_group="cart-canary", rules=[shop.rule])
    assert (info["cluster"], info["percent"], info["stable"]["service"]) == (None, 25.0, None)
    assert info["rules"][0]["port"] == 8080
    assert info["stable"]["target_group"]["name"] == "cart-stable"


@pytest.mark.parametrize("by", [SERVICES, {"stable_target_group": "cart-stable", "canary_target_group": "cart-canary"}])
def test_rules_that_were_not_named_and_send_the_canary_requests_are_told(shop: Shop, by: dict[str, str]) -> None:
    other = shop.aws.rule(shop.listener, 20, forward({shop.stable: 1, shop.canary: 3}))
    shop.aws.rule(shop.listener, 30, forward({shop.stable: 100, shop.canary: 0}))
    shop.aws.rule(shop.listener, 40, forward({shop.canary: 1}))
    assert shop.info(**by)["unnamed_rules"] == []
    assert [
        (rule["rule_arn"], rule["listener_arn"], rule["percent"])
        for rule in shop.info(**by, rules=[shop.rule])["unnamed_rules"]
    ] == [(other, shop.listener, 75.0)]
    assert shop.info(**by, rules=[shop.listener])["unnamed_rules"] == []


def test_rules_that_differ_have_no_common_percent(shop: Shop) -> None:
    shop.aws.rule(shop.listener, 20, forward({shop.stable: 100, shop.canary: 0}))
    info = shop.info(**SERVICES)
    assert info["percent"] is None
    assert [rule["percent"] for rule in info["rules"]] == [25.0, 0.0]


def test_a_canary_in_no_rule_is_shown_and_no_error(shop: Shop) -> None:
    shop.aws.set_weights(shop.rule, {shop.stable: 1})
    info = shop.info(**SERVICES)
    assert (info["percent"], info["rules"], info["load_balancers"]) == (None, [], [])
    assert "No listener rule forwards to both sides" in info["no_rules"]
    assert f"In no rule at all: {shop.canary}" in info["no_rules"]
    assert (info["canary"]["target_group"]["unused"], info["canary"]["target_group"]["healthy"]) == (2, 0)


def test_a_named_rule_that_is_none_of_the_pair_is_refused_as_a_shift_would(shop: Shop) -> None:
    other = shop.aws.rule(shop.listener, 20, forward({shop.stable: 1}))
    assert f"rules has {other}" in shop.info(rules=[shop.rule, other], **SERVICES)["msg"]
    assert shop.info(rules=[other], **SERVICES)["rules"] == []


def test_a_third_group_is_shown(shop: Shop) -> None:
    third = shop.aws.target_group("cart-next")
    shop.aws.set_weights(shop.rule, {shop.stable: 50, shop.canary: 50, third: 900})
    (rule,) = shop.info(**SERVICES)["rules"]
    assert rule["others"] == [{"arn": third, "weight": 900}]
    assert rule["percent"] == 50.0


def test_two_services_with_one_release(shop: Shop) -> None:
    shop.releases = {"cart-stable": "cart:7", "cart-canary": "cart:7"}
    assert shop.info(**SERVICES)["promoted"] is True
    assert [name for name, _parameters in shop.aws.calls].count("DescribeTaskDefinition") == 1


def test_a_missing_option_is_one_clear_error(shop: Shop) -> None:
    result = shop.info(stable_target_group="cart-stable")
    assert result["failed"] is True
    assert "required together" in result["msg"]
    assert shop.aws.calls == []


def test_it_waits_until_both_services_are_healthy(shop: Shop, slept: list[float]) -> None:
    shop.running["cart-canary"] = [0, 1, 2]
    info = shop.info(**SERVICES, wait_for="healthy")
    assert (info["canary"]["running"], len(slept)) == (2, 2)


def test_a_wait_that_ends_without_it_says_what_is_missing_and_ecs_last_word(shop: Shop) -> None:
    shop.running["cart-canary"] = [1]
    result = shop.info(**SERVICES, wait_for="healthy", wait_timeout=0)
    assert result["failed"] is True
    assert "not healthy after 0 s. canary (cart-canary): 1 of 2 tasks are running." in result["msg"]
    assert "news of cart-canary" in result["msg"]
    assert "cart-stable" not in result["msg"]
    assert result["waited_for"] == ["canary (cart-canary): 1 of 2 tasks are running."]


@pytest.mark.parametrize("by", [SERVICES, {"stable_target_group": "cart-stable", "canary_target_group": "cart-canary"}])
def test_it_waits_until_the_canary_has_drained_and_for_stable_not(shop: Shop, by: dict[str, str]) -> None:
    shop.aws.groups[shop.stable]["states"] = ["healthy", "draining"]
    assert not shop.info(**by, wait_for="drained", wait_timeout=0).get("failed")
    shop.aws.groups[shop.canary]["states"] = ["healthy", "draining"]
    assert "1 targets drain" in shop.info(**by, wait_for="drained", wait_timeout=0)["msg"]


def test_targets_that_come_and_go_while_it_waits_are_not_waited_for(
    shop: Shop, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A canary whose tasks never become healthy has a target that drains at any time."""
    states = [["draining", "unhealthy"], ["draining", "unhealthy", "draining"], ["unused", "unhealthy", "draining"]]
    answer = shop.aws.answer

    def turning(operation: str, parameters: dict[str, Any]) -> Answer:
        if operation == "DescribeTargetHealth" and parameters["TargetGroupArn"] == shop.canary:
            shop.aws.groups[shop.canary]["states"] = states.pop(0)
        return answer(operation, parameters)

    monkeypatch.setattr(shop.aws, "answer", turning)
    assert shop.info(**SERVICES, wait_for="drained")["canary"]["target_group"]["draining"] == 1
    assert (states, len(slept)) == ([], 2)


def test_check_mode_waits_for_nothing(shop: Shop, slept: list[float]) -> None:
    shop.running["cart-canary"] = [0]
    assert shop.info(check=True, **SERVICES, wait_for="healthy")["canary"]["running"] == 0
    assert slept == []


def test_health_cannot_be_waited_for_without_services(shop: Shop) -> None:
    groups = {"stable_target_group": "cart-stable", "canary_target_group": "cart-canary"}
    assert "name them with cluster" in shop.info(**groups, wait_for="healthy")["msg"]
    assert "wait_timeout" in shop.info(**SERVICES, wait_timeout=-1)["msg"]
    assert shop.aws.calls == []
