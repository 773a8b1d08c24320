# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases that go wrong: clients are spared what can be spared, and the operator is told."""

from __future__ import annotations

from tests.application import Application, no_failure, seen


def test_a_canary_that_cannot_start_gets_no_traffic(application: Application) -> None:
    application.succeed("rollback.yml")
    with application.traffic() as traffic:
        begin = traffic.mark()
        played = application.fail("deploy.yml", canary_image="shop:v3-crash", wait_timeout=60)
        assert application.split() == (100, 0)
        seen(traffic, 100, version="v1")
        no_failure(traffic.report(since=begin))
    assert "shop:v3-crash" in played.output or "app-canary" in played.output


def test_a_release_that_cannot_start_gets_no_share_by_a_shift_either(application: Application) -> None:
    """Somebody has given it to the canary, where no circuit breaker ends it. The tasks of before are healthy."""
    ecs, service = application.client("ecs"), application.service("Canary")
    described = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    kept = ("family", "networkMode", "requiresCompatibilities", "cpu", "memory")
    containers = [{**container, "image": "shop:v3-crash"} for container in described["containerDefinitions"]]
    definition = {**{name: described[name] for name in kept}, "containerDefinitions": containers}
    crashes = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    canary = {"cluster": service["clusterArn"], "service": service["serviceName"]}
    deploys = service["deploymentConfiguration"]
    trusting = {**deploys, "deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    ecs.update_service(**canary, taskDefinition=crashes, deploymentConfiguration=trusting)
    played = application.fail("canary.yml", percent=25, wait_timeout=10)
    assert application.split() == (100, 0)
    assert "exited with 1" in played.output, "why its tasks stopped"
    ecs.update_service(**canary, taskDefinition=service["taskDefinition"], deploymentConfiguration=deploys)
    ecs.get_waiter("services_stable").wait(cluster=canary["cluster"], services=[canary["service"]])


def test_a_canary_that_answers_errors_fails_only_its_own_share(application: Application) -> None:
    application.succeed("deploy.yml", canary_image="shop:v4-errors")
    application.succeed("canary.yml", percent=10)
    with application.traffic() as traffic:
        seen(traffic, 10, version="v4-errors")
        report = traffic.window(5)
        assert report.failed > 0
        assert {sample.version for sample in report.failures} == {"v4-errors"}, "half of its own, and nobody else's"
        assert report.failed <= report.requests * 0.1
        application.succeed("rollback.yml")
        seen(traffic, 100, version="v1")
        no_failure(traffic.window(3))
