# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a service a release and follow its own deployment to the end; where that fails, give it the old one back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import AwsError
from ansible_collections.canary.ecs.plugins.module_utils._aws.ecs import update_service
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import poll_until
from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import name_in
from ansible_collections.canary.ecs.plugins.module_utils._canary.deployment import (
    Course,
    State,
    describe_counts,
    describe_deployments,
    find_deployment,
    primary,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.promotion import being_replaced
from ansible_collections.canary.ecs.plugins.module_utils._serving import Serving, read_again, read_serving, why_not


@dataclass(frozen=True)
class Rollout:
    """One deployment of a release on a service.

    ``service`` is the service as it was described before; ``older`` are the ids of its deployments then.
    """

    service: dict[str, Any]
    task_definition: str
    deployment: str
    older: frozenset[str]

    def __str__(self) -> str:
        return f"deployment {self.deployment} of {self.task_definition} on service {self.service['serviceName']}"


def roll_out(
    ecs: Any, elbv2: Any, service: dict[str, Any], task_definition: str, *, previous: str, timeout: float
) -> tuple[Rollout, Serving]:
    """Give the service a release, and wait until it runs it (see `follow`).

    Where that fails, the release ``previous`` is put back, and `CanaryError` says why, and what stands.
    A refused UpdateService has changed nothing, and puts nothing back.
    """
    try:
        rollout = begin(ecs, service, task_definition)
        return rollout, follow(ecs, elbv2, rollout, timeout=timeout)
    except CanaryError as error:
        if left_as_it_was(error):
            raise
        raise put_back(ecs, elbv2, service, previous, why=error, timeout=timeout) from error


def left_as_it_was(error: CanaryError) -> bool:
    """Whether the service has the release that it had before `roll_out` failed: UpdateService refused, or put back."""
    refused = isinstance(error, AwsError) and error.operation == "UpdateService" and not error.undecided
    return refused or bool(error.facts.get("put_back"))


def resume(ecs: Any, elbv2: Any, service: dict[str, Any], *, timeout: float) -> tuple[Rollout, Serving]:
    """Wait for the release that a service is already taking, or has: of an earlier run that was interrupted.

    Where that fails, the previous one is put back, if the service still shows which one it was.
    """
    rollout = under_way(service, before=service)
    try:
        return rollout, follow(ecs, elbv2, rollout, timeout=timeout)
    except CanaryError as error:
        old = being_replaced(service, rollout.task_definition)
        if old is None:
            raise CanaryError(
                f"{error} Nothing was changed by this run, and service {service['serviceName']} no longer shows which "
                "release it had before: put one back by hand, or shift the traffic by what you see.",
                **error.facts,
            ) from error
        raise put_back(ecs, elbv2, service, old, why=error, timeout=timeout) from error


def put_back(
    ecs: Any, elbv2: Any, service: dict[str, Any], task_definition: str, *, why: CanaryError, timeout: float
) -> CanaryError:
    """Give the service its old release again and wait for it; the error that tells of both, ``why`` first."""
    name = service["serviceName"]
    try:
        follow(ecs, elbv2, _begin_old(ecs, service, task_definition), timeout=timeout)
    except CanaryError as error:
        return CanaryError(
            f"{why} Putting the old release {task_definition} back on service {name} failed too: {error} "
            f"{_standing(ecs, service)}",
            **{**why.facts, "put_back": False, "changed": True},
        )
    return CanaryError(
        f"{why} Release {task_definition} is back on service {name}, which runs it again. "
        "Nothing else was touched, the canary neither.",
        **{**why.facts, "put_back": True, "changed": True},
    )


def _begin_old(ecs: Any, service: dict[str, Any], task_definition: str) -> Rollout:
    """Give the service its old release again.

    UpdateService is sent also where ECS has rolled back by itself: it then begins no deployment, and its answer names
    the one that brings the old release back. But it refuses a deregistered task definition, which ECS can still roll
    back to. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deregister-task-definition-v2.html
    """
    try:
        return begin(ecs, service, task_definition)
    except AwsError:
        now = read_again(ecs, service)
        if now["taskDefinition"] != task_definition:
            raise
        return under_way(now, before=service)


def _standing(ecs: Any, service: dict[str, Any]) -> str:
    """What the service is left with."""
    try:
        now = read_again(ecs, service)
    except CanaryError as error:
        return f"What service {service['serviceName']} runs now could not be read: {error}"
    return (
        f"Service {now['serviceName']} is left with task definition {now['taskDefinition']}: "
        f"{describe_counts(now)}; {describe_deployments(now)}."
    )


def begin(ecs: Any, service: dict[str, Any], task_definition: str) -> Rollout:
    """Give the service the release. Where it has it already, ECS begins no deployment, and the one there is taken."""
    return under_way(update_service(ecs, service, taskDefinition=task_definition), before=service)


def under_way(service: dict[str, Any], *, before: dict[str, Any]) -> Rollout:
    """The deployment that a service is at. All others, of this reading and an earlier one, are older."""
    leading = primary(service)
    if leading is None:
        raise CanaryError(
            f"Service {service['serviceName']} shows no deployment of {service.get('taskDefinition')}, so it cannot be "
            "followed. Look at the service in ECS.",
            service=service["serviceArn"],
        )
    known = frozenset(each["id"] for reading in (before, service) for each in reading.get("deployments", []))
    return Rollout(before, service["taskDefinition"], leading["id"], known - {leading["id"]})


def follow(ecs: Any, elbv2: Any, rollout: Rollout, *, timeout: float) -> Serving:
    """Wait until the deployment is COMPLETED, its service runs the release, and its targets in use are healthy.

    Raises `CanaryError` with ECS's own reasons when the deployment fails, loses its place to another one, or is not
    through after ``timeout`` seconds.
    """
    course = Course(rollout.deployment, older=rollout.older)

    def through(seen: Serving) -> bool:
        verdict = course.judge(seen.service)
        if verdict.state is State.FAILED:
            raise _failed(ecs, rollout, seen, f"failed: {verdict.reason}")
        return (
            verdict.state is State.DONE and seen.service["taskDefinition"] == rollout.task_definition and seen.complete
        )

    return poll_until(
        lambda: read_serving(elbv2, read_again(ecs, rollout.service)),
        through,
        timeout=timeout,
        gave_up=lambda seen: _failed(
            ecs, rollout, seen, f"was not through after {timeout:.0f} s: {seen}; {describe_deployments(seen.service)}"
        ),
        waiting=lambda seen: (
            f"{rollout.service['serviceName']} takes {name_in(rollout.task_definition)}: {seen.progress}"
        ),
    )


def _failed(ecs: Any, rollout: Rollout, seen: Serving, what: str) -> CanaryError:
    """The error for a deployment that did not get through, with ECS's own reasons."""
    reasons = why_not(ecs, seen.service, deployment=rollout.deployment)
    deployment = {"id": rollout.deployment, "rollout_state": _rollout_state(seen.service, rollout.deployment)}
    return CanaryError(f"The {rollout} {what.rstrip('.')}. {reasons}", deployment=deployment, **reasons.facts())


def _rollout_state(service: dict[str, Any], deployment: str) -> str | None:
    """The rolloutState of a deployment; None where the service has it no longer."""
    found = find_deployment(service, deployment)
    return found.get("rolloutState") if found else None
