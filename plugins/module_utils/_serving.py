# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a service's tasks run and can take requests; and where they do not, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import AwsError
from ansible_collections.canary.ecs.plugins.module_utils._aws.ecs import describe_services, stopped_tasks
from ansible_collections.canary.ecs.plugins.module_utils._aws.elbv2 import target_states
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import poll_until
from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import target_group_name
from ansible_collections.canary.ecs.plugins.module_utils._canary.deployment import (
    all_served,
    describe_counts,
    describe_progress,
    healthy_targets,
    last_events,
    started_by,
    stop_reasons,
    tasks_settled,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.health import Health, health_of
from ansible_collections.canary.ecs.plugins.module_utils._groups import target_groups_of

# How many of a service's events a message tells; the facts beside it have more.
EVENTS_TOLD = 3


@dataclass(frozen=True)
class Serving:
    """One reading of a service, as ECS describes it, and of the health of its target groups, by ARN."""

    service: dict[str, Any]
    groups: dict[str, Health]

    @property
    def complete(self) -> bool:
        """Whether the desired tasks run and, where a rule forwards to their group, are healthy."""
        return tasks_settled(self.service) and all_served(self.groups.values(), self.service["desiredCount"])

    def facts(self) -> dict[str, Any]:
        """Running tasks and healthy targets as a module returns them; healthy is null where no group is in use."""
        return {"running": self.service["runningCount"], "healthy": healthy_targets(self.groups.values())}

    @property
    def progress(self) -> str:
        """How far the service is, for one line on a terminal."""
        return describe_progress(self.service, self.groups.values())

    def __str__(self) -> str:
        groups = [f"target group {target_group_name(arn)}: {health}" for arn, health in self.groups.items()]
        return "; ".join([describe_counts(self.service), *groups])


def read_again(ecs: Any, service: dict[str, Any]) -> dict[str, Any]:
    """The service as ECS describes it now."""
    return describe_services(ecs, service["clusterArn"], [service["serviceName"]])[0]


def read_serving(elbv2: Any, service: dict[str, Any]) -> Serving:
    """The service as it was read, with the health of its target groups now."""
    return Serving(service, {arn: health_of(target_states(elbv2, arn)) for arn in target_groups_of(service)})


def wait_until_serving(ecs: Any, elbv2: Any, service: dict[str, Any], *, timeout: float, begun: float) -> Serving:
    """Wait until the service's desired tasks run and its targets in use are healthy.

    Raises `CanaryError` ``timeout`` seconds after ``begun`` (`time.monotonic`), or when the service's deployment fails,
    with ECS's own reasons.
    """

    def gave_up(seen: Serving) -> CanaryError:
        reasons = why_not(ecs, seen.service)
        return CanaryError(
            f"Service {service['serviceName']} did not get its desired tasks running and healthy within "
            f"{timeout:.0f} s: {seen}. {reasons}",
            **reasons.facts(),
            running=seen.service["runningCount"],
            pending=seen.service.get("pendingCount", 0),
            desired=seen.service["desiredCount"],
        )

    return poll_until(
        lambda: read_serving(elbv2, read_again(ecs, service)),
        lambda seen: seen.complete,
        timeout=timeout,
        gave_up=gave_up,
        waiting=lambda seen: f"{service['serviceName']}: {seen.progress}",
        begun=begun,
    )


@dataclass(frozen=True)
class Reasons:
    """What ECS says about a service that does not get on: why its tasks stopped, and its newest events."""

    stopped: list[str]
    events: list[str]

    def facts(self) -> dict[str, Any]:
        """The reasons as a failing module returns them."""
        return {"stopped_tasks": self.stopped, "events": self.events}

    def __str__(self) -> str:
        stopped = f"Stopped tasks: {'; '.join(self.stopped)}." if self.stopped else "No task has failed."
        told = list(dict.fromkeys(self.events))[:EVENTS_TOLD]
        return f"{stopped} Last events: {' | '.join(told)}" if told else stopped


def why_not(ecs: Any, service: dict[str, Any], *, deployment: str | None = None) -> Reasons:
    """ECS's own reasons, those of one deployment's tasks where it is given.

    They accompany a failure, so what cannot be read is said in its place, and raises nothing.
    """
    try:
        tasks = stopped_tasks(ecs, service)
        stopped = stop_reasons(started_by(tasks, deployment) if deployment else tasks)
    except AwsError as error:
        stopped = [f"could not be read ({error})"]
    return Reasons(stopped, last_events(service))
