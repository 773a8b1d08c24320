# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service that ECS described tells about its deployments and its tasks.

"Stable" in the words of ECS's own waiter is not enough: a service is stable again after the circuit breaker brought the
old release back, and at a desired count of 0. So a release is judged by the id of its own deployment.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.health import Health

EVENTS_SHOWN = 5
REASONS_SHOWN = 5

# Half a minute of readings without a deployment that ECS said it had begun: it is gone, and not just late to appear.
READINGS_MISSED = 15

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html
DAEMON = "DAEMON"


class State(Enum):
    """How far a deployment is."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Verdict:
    """How far a deployment is, and ECS's reason where it failed."""

    state: State
    reason: str = ""


def primary(service: dict[str, Any]) -> dict[str, Any] | None:
    """The deployment that the service is moving to, or is at; None for controllers that have none."""
    return _one(service, status="PRIMARY")


def find_deployment(service: dict[str, Any], deployment: str) -> dict[str, Any] | None:
    """The deployment with this id, if the service still has it."""
    return _one(service, id=deployment)


def _one(service: dict[str, Any], **has: str) -> dict[str, Any] | None:
    for deployment in service.get("deployments", []):
        if all(deployment.get(name) == value for name, value in has.items()):
            found: dict[str, Any] = deployment
            return found
    return None


class Course:
    """The course of one deployment, reading by reading.

    ``older`` holds the ids of the deployments from before it: a reading with one of them as PRIMARY and no trace of
    ours may have been taken before ours existed (AWS answers so for a while). It says nothing, until it is repeated.
    """

    def __init__(self, deployment: str, *, older: frozenset[str]) -> None:
        self._deployment = deployment
        self._older = older - {deployment}
        self._missed = 0

    def judge(self, service: dict[str, Any]) -> Verdict:
        """How far the deployment is, from one more reading of its service."""
        ours, leading = find_deployment(service, self._deployment), primary(service)
        if ours is None:
            return self._judge_missing(leading)
        self._missed = 0
        if ours.get("rolloutState") == "FAILED":
            return Verdict(State.FAILED, ours.get("rolloutStateReason") or "ECS gives no reason")
        if leading is not None and leading["id"] != self._deployment:
            return Verdict(State.FAILED, f"{_in_words(leading)} took its place")
        return Verdict(State.DONE if _rolled_out(ours, service) else State.WAITING)

    def _judge_missing(self, leading: dict[str, Any] | None) -> Verdict:
        self._missed += 1
        late = leading is None or leading["id"] in self._older
        if late and self._missed < READINGS_MISSED:
            return Verdict(State.WAITING)
        return Verdict(State.FAILED, f"{_in_words(leading)} took its place" if leading else "it is gone")


def _rolled_out(deployment: dict[str, Any], service: dict[str, Any]) -> bool:
    """Whether a PRIMARY deployment is complete; services behind a Classic Load Balancer have no rolloutState."""
    if "rolloutState" in deployment:
        return bool(deployment["rolloutState"] == "COMPLETED")
    return len(service["deployments"]) == 1 and _runs_all(service)


def _in_words(deployment: dict[str, Any]) -> str:
    return f"deployment {deployment['id']} of task definition {deployment.get('taskDefinition')}"


def _runs_all(service: dict[str, Any]) -> bool:
    return bool(service["runningCount"] == service["desiredCount"] and not service.get("pendingCount"))


def has_taken(service: dict[str, Any], task_definition: str) -> bool:
    """Whether the service runs this release, and is done with taking it."""
    leading = primary(service)
    return (
        service["taskDefinition"] == task_definition
        and leading is not None
        and leading.get("rolloutState", "COMPLETED") == "COMPLETED"
    )


def tasks_settled(service: dict[str, Any]) -> bool:
    """Whether exactly the desired number of tasks runs, all of the newest deployment and none still starting.

    Raises `CanaryError` when the deployment has FAILED: ECS starts no more tasks then.
    """
    leading = primary(service)
    if leading is None:
        return _runs_all(service)
    if leading.get("rolloutState") == "FAILED":
        reason = leading.get("rolloutStateReason") or "ECS gives no reason"
        raise CanaryError(
            f"Service {service['serviceName']} cannot start its tasks: {_in_words(leading)} has FAILED: {reason}.",
            service=service["serviceArn"],
        )
    return _runs_all(service) and bool(leading.get("runningCount") == service["desiredCount"])


def all_served(groups: Iterable[Health], desired: int) -> bool:
    """Whether each target group in use has a healthy target for each desired task."""
    return all(group.healthy >= desired or _idle(group) for group in groups)


def healthy_targets(groups: Iterable[Health]) -> int | None:
    """The healthy targets of a service; of several groups, the least; None where no group is in use."""
    return min((group.healthy for group in groups if not _idle(group)), default=None)


def _idle(group: Health) -> bool:
    """Whether no rule forwards to the group: its targets are `unused` then, and nobody checks their health.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    return group.registered > 0 and group.count("unused") == group.registered


def refuse_not_active(service: dict[str, Any]) -> None:
    """Raise `CanaryError` for a service that is being deleted: what is changed on it comes to nothing."""
    if service.get("status") != "ACTIVE":
        raise CanaryError(
            f"Service {service['serviceName']} is {service.get('status')}: it is being deleted. "
            "Name a service that is running.",
            service=service["serviceArn"],
        )


def refuse_daemon(name: str, *, strategy: str | None, arn: str) -> None:
    """Raise `CanaryError` for a service that runs one task on each instance: it has no desired count."""
    if strategy == DAEMON:
        raise CanaryError(
            f"Service {name} has the scheduling strategy DAEMON: it runs one task on each instance, and has no "
            "desired count. Name a REPLICA service.",
            service=arn,
        )


def describe_counts(service: dict[str, Any]) -> str:
    """The counts of a service, in words."""
    return (
        f"{service['runningCount']} running and {service.get('pendingCount', 0)} pending "
        f"of {service['desiredCount']} desired"
    )


def describe_progress(service: dict[str, Any], groups: Iterable[Health]) -> str:
    """How far a service is on its way to what it should run, in as few words as a line on a terminal has room for."""
    desired, leading = service["desiredCount"], primary(service) or {}
    rolls = leading.get("rolloutState") == "IN_PROGRESS" and len(service["deployments"]) > 1
    running, of_what = (leading.get("runningCount", 0), "new tasks") if rolls else (service["runningCount"], "tasks")
    healthy, failed = healthy_targets(groups), leading.get("failedTasks")
    words = [f"{running} of {desired} {of_what} running"]
    words += [f"{failed} failed"] if failed else []
    words += [] if healthy is None else [f"{healthy} of {desired} targets healthy"]
    return ", ".join(words)


def deployment_facts(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment as modules return it."""
    return {
        "id": deployment["id"],
        "status": deployment.get("status"),
        "rollout_state": deployment.get("rolloutState"),
        "rollout_state_reason": deployment.get("rolloutStateReason"),
        "task_definition": deployment.get("taskDefinition"),
        "desired": deployment.get("desiredCount", 0),
        "running": deployment.get("runningCount", 0),
        "pending": deployment.get("pendingCount", 0),
        "failed": deployment.get("failedTasks", 0),
    }


def describe_deployments(service: dict[str, Any]) -> str:
    """The deployments that a service has, in words."""
    return _described(deployment_facts(each) for each in service.get("deployments", []))


def _described(deployments: Iterable[Mapping[str, Any]]) -> str:
    each = [
        f"{deployment['status']} deployment {deployment['id']} of task definition {deployment['task_definition']}, "
        f"{deployment['rollout_state'] or 'without rolloutState'}, {deployment['running']} running of "
        f"{deployment['desired']}, {deployment['failed']} failed"
        for deployment in deployments
    ]
    return "; ".join(each) or "no deployment"


def controller_of(service: Mapping[str, Any]) -> str:
    """What deploys the service's releases: ECS, CODE_DEPLOY or EXTERNAL."""
    return str(service.get("deploymentController", {}).get("type", "ECS"))


def strategy_of(service: Mapping[str, Any]) -> str:
    """How ECS deploys them: ROLLING, or by moving traffic on rules of its own (BLUE_GREEN, LINEAR, CANARY)."""
    return str(service.get("deploymentConfiguration", {}).get("strategy", "ROLLING"))


def refuse_undeployable(service: str, *, controller: str, strategy: str) -> None:
    """Raise `CanaryError` for a service whose task definition UpdateService does not roll out.

    CODE_DEPLOY and EXTERNAL controllers refuse one; a strategy but ROLLING moves traffic on rules of its own.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
    """
    if controller != "ECS":
        raise CanaryError(
            f"Service {service} has the deployment controller {controller}, which deploys its releases instead of "
            "UpdateService. Promote to a service with the controller ECS.",
            service=service,
        )
    if strategy != "ROLLING":
        raise CanaryError(
            f"Service {service} has the deployment strategy {strategy}: ECS itself would move traffic between target "
            "groups. Promote to a service with the strategy ROLLING.",
            service=service,
        )


def refuse_between_releases(canary: str, deployments: Iterable[Mapping[str, Any]], *, arn: str) -> None:
    """Raise `CanaryError` while the canary is between two releases, or failed to take one: neither was tested.

    ``deployments`` are those of the service, as `deployment_facts` gives them.
    """
    deployments = list(deployments)
    leading = [each for each in deployments if each["status"] == "PRIMARY"]
    older = [each for each in deployments if each["status"] != "PRIMARY" and each["running"]]
    if not leading or leading[0]["rollout_state"] == "FAILED" or older:
        raise CanaryError(
            f"Canary service {canary} has no release to take: it is between two, or failed to take one. Its "
            f"deployments are {_described(deployments)}. Nothing was changed. Wait until it runs one release, then "
            "promote.",
            service=arn,
        )


def last_events(service: dict[str, Any]) -> list[str]:
    """The service's newest events, newest first, in ECS's own words."""
    return [event["message"] for event in service.get("events", [])[:EVENTS_SHOWN]]


def started_by(tasks: Iterable[dict[str, Any]], deployment: str) -> list[dict[str, Any]]:
    """The tasks of one deployment."""
    return [task for task in tasks if task.get("startedBy") == deployment]


def stop_reasons(tasks: Iterable[dict[str, Any]]) -> list[str]:
    """Why tasks failed, the most frequent reason first, each once with its number of tasks.

    Tasks that the service stopped on purpose (scaling in, replaced by a deployment) did not fail: they are left out.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
    """
    counted = Counter(_why_stopped(task) for task in tasks if not _on_purpose(task))
    return [f"{count} x {reason}" for reason, count in counted.most_common(REASONS_SHOWN)]


def _on_purpose(task: dict[str, Any]) -> bool:
    """Whether the service itself ended the task, scaling in or after a rollout; a failed health check reads otherwise.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
    """
    return str(task.get("stoppedReason", "")).startswith("Scaling activity initiated by")


def _why_stopped(task: dict[str, Any]) -> str:
    """The task's stop reason, and of each container that says something its exit code and reason."""
    said = [
        f"container {container['name']}" + _ending(container)
        for container in task.get("containers", [])
        if container.get("exitCode") or container.get("reason")
    ]
    return ": ".join([task.get("stoppedReason") or task.get("stopCode") or "no reason given", *said[:1]]) + "".join(
        f", {more}" for more in said[1:]
    )


def _ending(container: dict[str, Any]) -> str:
    code, reason = container.get("exitCode"), container.get("reason")
    return (f" exited with {code}" if code is not None else "") + (f" ({reason})" if reason else "")
