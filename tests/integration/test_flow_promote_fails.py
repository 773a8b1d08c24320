# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that serves as a canary, but never becomes healthy as stable: the promotion undoes itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.application import Application, no_failure, seen, until

RELEASE = "shop:v3-unhealthy"


@pytest.fixture(scope="module")
def lenient(application: Application) -> Application:
    """All traffic on a canary whose /health answers 500, which its own target group takes for healthy."""
    application.client("elbv2").modify_target_group(
        TargetGroupArn=application.outputs["CanaryTargetGroupArn"], Matcher={"HttpCode": "200-599"}
    )
    application.succeed("deploy.yml", canary_image=RELEASE)
    application.succeed("canary.yml", percent=100)
    return application


def test_a_failed_promotion_leaves_stable_as_it_was_and_the_canary_serving(lenient: Application) -> None:
    before = lenient.state
    with lenient.traffic() as traffic:
        begin = traffic.mark()
        played = lenient.fail("promote.yml", promote_timeout=300)
        seen(traffic, 100, version="v3-unhealthy")
        no_failure(traffic.report(since=begin))
    assert "circuit breaker: tasks failed to start" in played.output
    assert "Task failed ELB health checks" in played.output
    assert "is back on service" in played.output
    assert lenient.state == before
    assert lenient.image("Stable") == "shop:v1"
    assert lenient.healthy("Stable") == lenient.service("Stable")["desiredCount"]


def test_a_deployment_of_somebody_else_is_not_taken_for_the_promotion(lenient: Application) -> None:
    """They deploy in the middle of it: what stable had before the promotion comes back, and both are named."""
    ecs, before = lenient.client("ecs"), lenient.state
    service = {"cluster": lenient.outputs["Cluster"], "service": lenient.outputs["StableService"]}
    old = lenient.service("Stable")["taskDefinition"]
    definition = ecs.describe_task_definition(taskDefinition=old)["taskDefinition"]
    kept = ("family", "containerDefinitions", "networkMode", "requiresCompatibilities", "cpu", "memory")
    theirs = ecs.register_task_definition(**{name: definition[name] for name in kept})["taskDefinition"]

    with ThreadPoolExecutor() as pool:
        playing = pool.submit(lenient.play, "promote.yml", promote_timeout=120)
        until(lambda: lenient.service("Stable")["taskDefinition"] != old, seconds=90, what="the promotion deploys")
        ecs.update_service(**service, taskDefinition=theirs["taskDefinitionArn"])
        played = playing.result()

    assert not played.ok
    assert f"{theirs['taskDefinitionArn']} took its place" in played.output
    assert lenient.state == before


def test_a_rollback_waits_for_no_canary_that_never_becomes_healthy(lenient: Application) -> None:
    """ECS replaces its tasks again and again, so that at any time some fail and some drain."""
    lenient.client("elbv2").modify_target_group(
        TargetGroupArn=lenient.outputs["CanaryTargetGroupArn"], Matcher={"HttpCode": "200"}
    )
    until(lambda: lenient.healthy("Canary") == 0, seconds=60, what="the canary fails its health checks")
    lenient.succeed("rollback.yml", wait_timeout=60)
    assert (lenient.split(), lenient.capacity("Canary")) == ((100, 0), (2, 2, 2))
    with lenient.traffic() as traffic:
        begin = traffic.mark()
        seen(traffic, 100, version="v1")
        no_failure(traffic.report(since=begin))
