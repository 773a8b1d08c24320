# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.deployment import (
    READINGS_MISSED,
    Course,
    State,
    Verdict,
    all_served,
    describe_progress,
    healthy_targets,
    stop_reasons,
    tasks_settled,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.health import health_of

OLD, OURS, THEIRS = "ecs-svc/1", "ecs-svc/2", "ecs-svc/3"


def deployment(name: str, status: str, state: str | None, **fields: Any) -> dict[str, Any]:
    found = {"id": name, "status": status, "taskDefinition": f"td-of-{name}", "runningCount": 2, **fields}
    return found if state is None else {**found, "rolloutState": state}


def service(*deployments: dict[str, Any], desired: int = 2, running: int = 2, pending: int = 0) -> dict[str, Any]:
    return {
        "serviceName": "cart",
        "serviceArn": "arn",
        "deployments": list(deployments),
        "desiredCount": desired,
        "runningCount": running,
        "pendingCount": pending,
    }


@pytest.mark.parametrize(
    ("deployments", "state", "reason"),
    [
        pytest.param(
            [deployment(OURS, "PRIMARY", "IN_PROGRESS"), deployment(OLD, "ACTIVE", "COMPLETED")],
            State.WAITING,
            "",
            id="under way",
        ),
        pytest.param([deployment(OURS, "PRIMARY", "COMPLETED")], State.DONE, "", id="complete"),
        pytest.param(
            [deployment(OURS, "PRIMARY", "COMPLETED"), deployment(OLD, "ACTIVE", "COMPLETED")],
            State.DONE,
            "",
            id="complete, the old one still draining",
        ),
        pytest.param(
            [deployment(OURS, "PRIMARY", "FAILED", rolloutStateReason="tasks failed to start.")],
            State.FAILED,
            "tasks failed to start.",
            id="failed, without rollback",
        ),
        pytest.param(
            [
                deployment(OLD, "PRIMARY", "IN_PROGRESS", rolloutStateReason="rolling back to deploymentId ecs-svc/1."),
                deployment(OURS, "ACTIVE", "FAILED", rolloutStateReason="tasks failed to start."),
            ],
            State.FAILED,
            "tasks failed to start.",
            id="failed, rolled back",
        ),
        pytest.param(
            [deployment(THEIRS, "PRIMARY", "IN_PROGRESS"), deployment(OURS, "ACTIVE", "IN_PROGRESS")],
            State.FAILED,
            "deployment ecs-svc/3 of task definition td-of-ecs-svc/3 took its place",
            id="replaced",
        ),
        pytest.param(
            [deployment(THEIRS, "PRIMARY", "COMPLETED")],
            State.FAILED,
            "deployment ecs-svc/3 of task definition td-of-ecs-svc/3 took its place",
            id="replaced, and gone",
        ),
        pytest.param([deployment(OLD, "PRIMARY", "COMPLETED")], State.WAITING, "", id="not there yet"),
        pytest.param([deployment(OURS, "PRIMARY", None)], State.DONE, "", id="no rolloutState, and all there"),
        pytest.param(
            [deployment(OURS, "PRIMARY", None), deployment(OLD, "ACTIVE", None)],
            State.WAITING,
            "",
            id="no rolloutState, the old one still there",
        ),
    ],
)
def test_a_deployment_is_judged_by_its_id(deployments: list[dict[str, Any]], state: State, reason: str) -> None:
    assert Course(OURS, older=frozenset({OLD})).judge(service(*deployments)) == Verdict(state, reason)


def test_a_deployment_that_stays_away_is_gone() -> None:
    course = Course(OURS, older=frozenset({OLD}))
    without = service(deployment(OLD, "PRIMARY", "COMPLETED"))
    states = [course.judge(without).state for reading in range(READINGS_MISSED)]
    assert states == [State.WAITING] * (READINGS_MISSED - 1) + [State.FAILED]


def test_a_deployment_seen_in_between_is_not_gone() -> None:
    course = Course(OURS, older=frozenset({OLD}))
    without = service(deployment(OLD, "PRIMARY", "COMPLETED"))
    for time in range(3):
        missed = {course.judge(without).state for reading in range(READINGS_MISSED - 1)}
        assert missed == {State.WAITING}, f"the {time + 1}. time"
        course.judge(service(deployment(OURS, "PRIMARY", "IN_PROGRESS")))


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        pytest.param(service(deployment(OURS, "PRIMARY", "COMPLETED")), True, id="at rest"),
        pytest.param(service(deployment(OURS, "PRIMARY", "COMPLETED"), running=1), False, id="too few"),
        pytest.param(service(deployment(OURS, "PRIMARY", "COMPLETED"), running=3), False, id="too many still"),
        pytest.param(service(deployment(OURS, "PRIMARY", "COMPLETED"), pending=1), False, id="one starting"),
        pytest.param(
            service(
                deployment(OURS, "PRIMARY", "IN_PROGRESS", runningCount=1),
                deployment(OLD, "ACTIVE", "COMPLETED", runningCount=1),
            ),
            False,
            id="one of an older deployment",
        ),
        pytest.param(
            service(deployment(OURS, "PRIMARY", "COMPLETED", runningCount=0), desired=0, running=0), True, id="none"
        ),
        pytest.param(service(), True, id="a controller without deployments"),
    ],
)
def test_tasks_are_settled(reading: dict[str, Any], expected: bool) -> None:
    assert tasks_settled(reading) is expected


def test_a_failed_deployment_never_settles() -> None:
    with pytest.raises(CanaryError, match="no more"):
        tasks_settled(service(deployment(OURS, "PRIMARY", "FAILED", rolloutStateReason="no more")))


@pytest.mark.parametrize(
    ("groups", "served", "healthy"),
    [
        ([["healthy", "healthy"]], True, 2),
        ([["healthy", "initial"]], False, 1),
        ([["healthy", "healthy", "draining"]], True, 2),
        ([["unused", "unused"]], True, None),
        ([["unused", "healthy"]], False, 1),
        ([["unused", "draining"]], True, None),
        ([[]], False, 0),
        ([], True, None),
        ([["healthy", "healthy"], ["healthy"]], False, 1),
        ([["healthy", "healthy"], ["unused", "unused"]], True, 2),
    ],
)
def test_every_group_in_use_has_a_healthy_target_a_task(
    groups: list[list[str]], served: bool, healthy: int | None
) -> None:
    healths = [health_of(states) for states in groups]
    assert all_served(healths, 2) is served
    assert healthy_targets(healths) == healthy


def test_the_reasons_of_stopped_tasks_are_counted_and_those_stopped_on_purpose_left_out() -> None:
    crash = {
        "stoppedReason": "Essential container in task exited",
        "containers": [{"name": "app", "exitCode": 1}, {"name": "proxy", "exitCode": 0}],
    }
    pull = {"stopCode": "TaskFailedToStart", "containers": [{"name": "app", "reason": "CannotPullContainerError"}]}
    scaled = {"stoppedReason": "Scaling activity initiated by (deployment ecs-svc/1)"}
    assert stop_reasons([pull, crash, scaled, crash]) == [
        "2 x Essential container in task exited: container app exited with 1",
        "1 x TaskFailedToStart: container app (CannotPullContainerError)",
    ]


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (service(desired=3, running=1), "1 of 3 tasks running"),
        (service(deployment(OURS, "PRIMARY", "IN_PROGRESS", runningCount=1), desired=3), "2 of 3 tasks running"),
        (
            service(
                deployment(OURS, "PRIMARY", "IN_PROGRESS", runningCount=1, failedTasks=2),
                deployment(OLD, "ACTIVE", "COMPLETED"),
                desired=3,
                running=4,
            ),
            "1 of 3 new tasks running, 2 failed",
        ),
    ],
)
def test_a_line_tells_how_far_a_service_is(seen: dict[str, Any], words: str) -> None:
    assert describe_progress(seen, []) == words
    assert describe_progress(seen, [health_of(["healthy", "initial"])]) == f"{words}, 1 of 3 targets healthy"
