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
        refused = application.fail("canary.yml", percent=25, wait_timeout=20)
        assert application.split() == (100, 0)
        no_failure(traffic.report(since=begin))
    assert "app-canary" in refused.output
    assert "exited with 1" in refused.output, "why its tasks stopped"


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
