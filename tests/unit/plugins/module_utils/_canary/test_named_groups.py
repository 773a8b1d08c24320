# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ARNs say, and what options can name."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import (
    is_application,
    kind_of,
    listener_of_rule,
    load_balancer_of_listener,
    partition_of_region,
    region_of,
    target_group_name,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.named_groups import named_by

BOTOCORE = botocore.session.get_session()


def regions_of(partition: str) -> list[str]:
    return list(BOTOCORE.get_available_regions("elbv2", partition_name=partition))


# A region of each partition that botocore knows.
PARTITIONS = [
    (partition, region) for partition in BOTOCORE.get_available_partitions() for region in regions_of(partition)[:1]
]


@pytest.mark.parametrize(("partition", "region"), PARTITIONS)
def test_arns_of_every_partition(partition: str, region: str) -> None:
    base = f"arn:{partition}:elasticloadbalancing:{region}:123456789012"
    rule = f"{base}:listener-rule/app/shop/1/2/3"
    assert (kind_of(rule), region_of(rule), is_application(rule)) == ("listener-rule", region, True)
    listener = listener_of_rule(rule)
    assert (listener, kind_of(listener)) == (f"{base}:listener/app/shop/1/2", "listener")
    assert load_balancer_of_listener(listener) == f"{base}:loadbalancer/app/shop/1"
    group = f"{base}:targetgroup/cart-canary/73e2d6bc24d8a067"
    assert (kind_of(group), target_group_name(group)) == ("targetgroup", "cart-canary")


@pytest.mark.parametrize(("partition", "region"), PARTITIONS)
def test_the_partition_of_a_region_is_what_botocore_takes_it_for(partition: str, region: str) -> None:
    regions = regions_of(partition)
    assert {partition_of_region(each) for each in regions} == {partition}, regions
    group = f"arn:{partition}:elasticloadbalancing:{region}:123456789012:targetgroup/cart/73e2d6bc24d8a067"
    options = {"stable_target_group": group, "canary_target_group": group.replace("/cart/", "/next/")}
    assert not named_by(options, region=region).by_service


def test_names_that_look_like_kinds_of_arn() -> None:
    rule = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/listener/1/2/3"
    assert listener_of_rule(rule).endswith(":listener/app/listener/1/2")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cart",
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/cart",
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/cart",
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/1/2/3",
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/1/2",
        "arn:aws:elasticloadbalancing:eu-west-1:1234:targetgroup/cart/1",
    ],
)
def test_anything_else_is_no_kind(text: str) -> None:
    assert kind_of(text) is None


BASE = "arn:aws:elasticloadbalancing:eu-west-1:123456789012"
GROUPS = {"stable_target_group": f"{BASE}:targetgroup/s/1", "canary_target_group": f"{BASE}:targetgroup/c/1"}
SERVICES = {"cluster": "shop", "stable_service": "s", "canary_service": "c"}


def test_rules_and_listeners_are_told_apart_and_taken_once() -> None:
    rule, listener = f"{BASE}:listener-rule/app/shop/1/2/3", f"{BASE}:listener/app/shop/1/2"
    named = named_by({**GROUPS, "rules": [rule, listener, rule]}, region="eu-west-1")
    assert (named.rule_arns, named.listener_arns, named.by_service) == ([rule], [listener], False)


def test_services_by_name() -> None:
    named = named_by({**SERVICES, "rules": None}, region="eu-west-1")
    assert named.by_service
    assert named.rules == ()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({**SERVICES, "canary_service": "s"}, "both s"),
        ({**SERVICES, "cluster": " "}, "cluster is empty"),
        ({**SERVICES, "cluster": None}, "cluster is empty"),
        ({**GROUPS, "canary_target_group": GROUPS["stable_target_group"]}, "are both"),
        ({**GROUPS, "canary_target_group": "arn:aws:s3:::bucket"}, "not the ARN of a targetgroup"),
        ({**GROUPS, "rules": ["default"]}, "not the ARN of a listener or listener-rule"),
        ({**GROUPS, "rules": [f"{BASE}:listener/net/shop/1/2"]}, "not of an Application Load Balancer"),
        ({**GROUPS, "rules": [f"{BASE}:listener/app/shop/1/2".replace("west", "east")]}, "region eu-east-1"),
        ({**GROUPS, "rules": [f"{BASE}:listener/app/shop/1/2".replace("aws:", "aws-cn:")]}, "in partition aws-cn, but"),
        ({**GROUPS, "rules": []}, "rules is empty"),
    ],
)
def test_what_cannot_be(params: dict[str, Any], said: str) -> None:
    with pytest.raises(CanaryError, match=said):
        named_by(params, region="eu-west-1")


def test_groups_in_another_region_than_the_calls() -> None:
    with pytest.raises(CanaryError, match="the calls go to region us-east-1"):
        named_by(GROUPS, region="us-east-1")


def test_no_region_at_all() -> None:
    with pytest.raises(CanaryError, match="No region is set"):
        named_by(GROUPS, region="")
