# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole life of a release, under load that never stops: deploy, 5, 25, 50 and 100 %, promote, park, destroy."""

from __future__ import annotations

import re

import pytest
from botocore.exceptions import ClientError

from lab.playbooks import Played
from tests.application import Application, no_failure, seen, until

# One task more than stable's min, for the autoscaler to take once stable is idle.
DEPLOYED = {"stable_desired": 3}


def told(played: Played, status: str, resource: str) -> list[str]:
    """The lines that show a stack in this status, at work on a resource."""
    line = rf"^ {{4}}Stack \S+: {status}, \d+ resources? done, under way: .*{resource}.* \(\d+ s of 7200 s\)$"
    return re.findall(line, played.output, re.MULTILINE)


def test_a_release_from_deploy_to_park_fails_no_request(application: Application) -> None:
    assert application.split() == (95, 5)
    assert application.capacity("Stable") == (2, 3, 4)
    application.hurry("Stable")
    with application.traffic() as traffic:
        begin = traffic.mark()
        seen(traffic, 5)
        for percent in (25, 50, 100):
            application.succeed("canary.yml", percent=percent)
            assert application.split() == (100 - percent, percent)
            seen(traffic, percent)
        until(lambda: application.capacity("Stable") == (2, 2, 4), seconds=30, what="idle stable is scaled in")
        application.succeed("promote.yml")
        seen(traffic, 100)
        no_failure(traffic.report(since=begin))
    assert application.split() == (100, 0)
    assert (application.image("Stable"), application.image("Canary")) == ("shop:v2", "shop:v2")
    assert application.capacity("Canary") == (2, 2, 2)
    assert application.capacity("Stable") == (2, 3, 4), "stable's min is what it was before the traffic returned"
    assert application.healthy("Stable") == 3, "none went while it had its size and no traffic yet"


def test_promoting_again_changes_nothing(application: Application) -> None:
    before = application.state
    played = application.succeed("promote.yml")
    assert application.state == before
    assert "changed=0" in played.output


def test_a_release_after_a_promotion_touches_only_the_canary(application: Application) -> None:
    stable, split = application.service("Stable")["taskDefinition"], application.split()
    with application.traffic() as traffic:
        begin = traffic.mark()
        played = application.succeed("deploy.yml", canary_image="shop:v3")
        no_failure(traffic.report(since=begin))
    assert told(played, "UPDATE_IN_PROGRESS", "CanaryService"), "the wait for CloudFormation shows how far it is"
    assert application.image("Canary") == "shop:v3"
    assert application.service("Stable")["taskDefinition"] == stable, "the promoted release is not the stack's to reset"
    assert application.split() == split


def test_destroying_removes_cluster_and_load_balancer(application: Application) -> None:
    outputs = application.outputs
    played = application.succeed("destroy.yml")
    assert told(played, "DELETE_IN_PROGRESS", "CanaryService"), "the wait for CloudFormation shows how far it is"
    clusters = application.client("ecs").list_clusters()["clusterArns"]
    assert [arn for arn in clusters if arn.endswith(f"/{outputs['Cluster']}")] == []
    with pytest.raises(ClientError, match="LoadBalancerNotFound"):
        application.client("elbv2").describe_load_balancers(LoadBalancerArns=[outputs["LoadBalancerArn"]])
    assert "changed=0" in application.succeed("destroy.yml").output, "there is nothing left to remove"
