# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A canary of two services that somebody else made, with no stack of ours: named on the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.state import Lab
from tests.application import SETTINGS, Application, no_failure, seen
from tests.handmade import NOT_FOUND, Handmade, forward

NAMES = {"cluster": "legacy", "stable_service": "cart", "canary_service": "cart-canary"}


@pytest.fixture(scope="module")
def legacy(lab: Lab) -> Iterator[Application]:
    """Two listeners, of which one splits by default and one by a sticky rule, and a decoy whose name begins alike."""
    build = Handmade(lab)
    elbv2, ecs = build.client("elbv2"), build.client("ecs")
    vpc, subnets = build.network()
    balancer = elbv2.create_load_balancer(Name="legacy", Subnets=subnets)["LoadBalancers"][0]
    stable, canary, decoy = (build.group(name, vpc, drains=5) for name in ("cart", "cart-canary", "cart-canary-v2"))
    arn = balancer["LoadBalancerArn"]
    default = build.listener(arn, 8081, forward({stable: 1, canary: 0}))
    other = build.listener(arn, 8082, NOT_FOUND)
    found = {
        "Cluster": "legacy",
        "StableService": "cart",
        "CanaryService": "cart-canary",
        "StableTargetGroupArn": stable,
        "CanaryTargetGroupArn": canary,
        "Url": f"http://{balancer['DNSName']}:8081",
        "RuleArn": elbv2.describe_rules(ListenerArn=default)["Rules"][0]["RuleArn"],
        "PathRule": build.rule(other, 10, "/cart*", forward({stable: 100, canary: 0}, sticky=60)),
        "Decoy": build.rule(other, 20, "/v2*", forward({stable: 100, decoy: 0})),
    }
    ecs.create_cluster(clusterName="legacy")
    build.service("legacy", "cart", "cart:v1", stable, subnets)
    build.scalable("legacy", "cart", 1, 8)
    build.service("legacy", "cart-canary", "cart:v2", canary, subnets)
    build.until_healthy(stable, canary)
    yield Application(lab, {**NAMES, **SETTINGS}, found)
    for name in ("cart", "cart-canary"):
        ecs.delete_service(cluster="legacy", service=name, force=True)
    elbv2.delete_load_balancer(LoadBalancerArn=arn)


def test_a_shift_moves_every_rule_of_the_pair_and_no_other(legacy: Application) -> None:
    decoy = legacy.aws("elbv2", "describe-rules", "--rule-arns", legacy.outputs["Decoy"])
    with legacy.traffic() as traffic:
        begin = traffic.mark()
        played = legacy.succeed("canary.yml", percent=25)
        seen(traffic, 25)
        no_failure(traffic.report(since=begin))
    assert legacy.split() == legacy.split(legacy.outputs["PathRule"]) == (75, 25)
    assert legacy.aws("elbv2", "describe-rules", "--rule-arns", legacy.outputs["Decoy"]) == decoy
    assert "changed=0" not in played.output
    targets = legacy.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
    assert [each for each in targets["ScalableTargets"] if "cart-canary" in each["ResourceId"]] == []


def test_the_rule_keeps_its_stickiness(legacy: Application) -> None:
    rule = legacy.aws("elbv2", "describe-rules", "--rule-arns", legacy.outputs["PathRule"])["Rules"][0]
    sticky = rule["Actions"][0]["ForwardConfig"]["TargetGroupStickinessConfig"]
    assert sticky == {"Enabled": True, "DurationSeconds": 60}


def test_a_shift_without_a_rule_of_the_pair_changes_no_count_either(legacy: Application) -> None:
    played = legacy.fail("canary.yml", percent=100, least_desired=3, rules=legacy.outputs["Decoy"])
    assert "No listener rule forwards to both sides" in played.output
    assert f"Searched 1 rule, of {legacy.outputs['Decoy']}" in played.output
    assert (legacy.split(), legacy.service("Canary")["desiredCount"]) == ((75, 25), 2)


def test_promote_and_come_back_without_a_scalable_target_on_the_canary(legacy: Application) -> None:
    with legacy.traffic() as traffic:
        begin = traffic.mark()
        legacy.succeed("canary.yml", percent=100)
        legacy.succeed("promote.yml", take="image")
        seen(traffic, 100)
        no_failure(traffic.report(since=begin))
    assert legacy.split() == legacy.split(legacy.outputs["PathRule"]) == (100, 0)
    assert legacy.image("Stable") == "cart:v2"
    assert ":task-definition/cart:" in legacy.service("Stable")["taskDefinition"], "a revision of stable's own family"
    assert legacy.service("Canary")["desiredCount"] == 2


def test_a_rollback_after_a_promotion_says_that_the_release_stays(legacy: Application) -> None:
    assert "moving traffic brings no older one back" in legacy.succeed("rollback.yml").output
