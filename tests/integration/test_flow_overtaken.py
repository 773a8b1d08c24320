# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two flows at once: a rollback wins over another one, and a deployment brings nothing back to life."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.client import clear_faults, faults_of
from tests.application import FEW, Application, no_failure, until
from tests.integration.faulty import faulty

DEPLOYED = {"stable_desired": 3, "stable_max": 6}


def test_a_deployment_does_not_undo_what_came_while_the_stack_was_told_what_is_live(application: Application) -> None:
    # Its answer is held, so that the deployment cannot read again ahead of what comes meanwhile.
    telling = {"kind": "hold-after", "operation": "UpdateStack", "calls": [1]}
    with ThreadPoolExecutor() as pool, faulty(application, telling):
        deploying = pool.submit(application.play, "deploy.yml", cpu=512, memory=1024)
        until(lambda: faults_of(application.lab)[0]["held"] == 1, seconds=120, what="the stack is told what is live")
        application.ask_for("Stable", 3, 3, 6)
        clear_faults(application.lab)
        application.until_healthy("Stable", 3)
        deployed = deploying.result()
    assert not deployed.ok
    assert "Somebody else has released or sized a service" in " ".join(deployed.output.split())
    assert application.capacity("Stable") == (3, 3, 6)
    definition = application.aws("ecs", "describe-task-definition", "--task-definition", "overtaken-stable")
    assert definition["taskDefinition"]["cpu"] != "512"
    application.resize("Stable", 2, 3, 6)


@pytest.mark.parametrize(
    ("playbook", "variables", "start", "image"),
    [
        ("canary.yml", {"percent": 95, "step": 15, "interval": 3}, 5, "shop:v1"),
        # Last, for it gives stable the canary's release.
        ("promote.yml", {"return_step": 10, "return_interval": 3}, 100, "shop:v2"),
    ],
)
def test_a_rollback_overtakes_a_flow_that_runs(
    application: Application, playbook: str, variables: dict[str, object], start: int, image: str
) -> None:
    application.succeed("canary.yml", percent=start)
    with application.traffic(rate=FEW) as traffic, ThreadPoolExecutor() as pool:
        begin = traffic.mark()
        other = pool.submit(application.play, playbook, **variables)
        until(lambda: application.split()[1] not in (start, 0), seconds=120, what="the other flow moves traffic")
        application.succeed("rollback.yml")
        overtaken = other.result()
        no_failure(traffic.report(since=begin))
    assert not overtaken.ok
    assert "from_percent is" in overtaken.output or "Somebody else changed" in overtaken.output, overtaken.output
    assert "Traceback" not in overtaken.output
    assert application.split() == (100, 0)
    assert application.capacity("Canary") == (2, 2, 2)
    assert application.capacity("Stable") == (2, 3, 6), "its own min, whoever held it"
    assert application.image("Stable") == image
