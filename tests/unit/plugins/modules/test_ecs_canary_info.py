# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against a load balancer in memory: it reads what there is, and never writes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.modules import ecs_canary_info
from ansible_collections.canary.ecs.tests.unit.plugins.fake_balancer import REGION, Answer, Balancer, forward, serve
from ansible_collections.canary.ecs.tests.unit.plugins.run_module import run_module

CLUSTER = f"arn:aws:ecs:{REGION}:123456789012:cluster/shop"
SERVICES = {"cluster": "shop", "stable_service": "cart-stable", "canary_service": "cart-canary"}


class Shop:
    """Two services behind one rule, the canary without a scalable target."""

    def __init__(self) -> None:
        self.aws = Balancer()
        self.groups = {name: self.aws.target_group(name) for name in ("cart-stable", "cart-canary")}
        self.stable, self.canary = self.groups.values()
        self.listener = self.aws.listener(forward({self.stable: 1}), port=8080)
        self.releases = {name: f"{name}:1" for name in self.groups}
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
            "desiredCount": 2,
            "runningCount": 2,
            "pendingCount": 0,
            "loadBalancers": [{"targetGroupArn": self.groups[name]}],
        }

    def autoscaling(self, operation: str, parameters: dict[str, Any]) -> Answer:
        self.aws.calls.append((operation, parameters))
        assert parameters["ResourceIds"] == ["service/shop/cart-stable", "service/shop/cart-canary"]
        stable = {"ResourceId": "service/shop/cart-stable", "MinCapacity": 2, "MaxCapacity": 8}
        return {"ScalableTargets": [stable]}


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.mark.parametrize("check", [False, True])
def test_everything_about_two_services(shop: Shop, check: bool) -> None:
    info = shop.info(check=check, **SERVICES)
    assert (info["changed"], info["cluster"], info["percent"], info["promoted"]) == (False, "shop", 25.0, False)
    (rule,) = info["rules"]
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


def test_rules_that_differ_have_no_common_percent(shop: Shop) -> None:
    shop.aws.rule(shop.listener, 20, forward({shop.stable: 100, shop.canary: 0}))
    info = shop.info(**SERVICES)
    assert info["percent"] is None
    assert [rule["percent"] for rule in info["rules"]] == [25.0, 0.0]


def test_a_canary_in_no_rule_is_shown_and_no_error(shop: Shop) -> None:
    shop.aws.set_weights(shop.rule, {shop.stable: 1})
    info = shop.info(**SERVICES)
    assert (info["percent"], info["rules"], info["load_balancers"]) == (None, [], [])
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
