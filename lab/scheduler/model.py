# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scheduler holds: services, their deployments, and tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.control.views import TaskProcess, TaskSpec

EVENTS_KEPT = 100


def now() -> datetime:
    """The wall clock, for the stamps that the API shows; everything that waits reads the lab's own clock."""
    return datetime.now(UTC)


@dataclass
class Task:
    """One task. ``last_status`` is what is, ``desired_status`` where it is going (RUNNING or STOPPED).

    ``pending_since``, ``running_since`` and ``terminated_at`` are readings of the lab's clock, in seconds.
    """

    spec: TaskSpec
    task_definition: str
    cluster_arn: str
    group: str
    deployment: str = ""
    service_key: str = ""
    last_status: str = "PROVISIONING"
    desired_status: str = "RUNNING"
    stop_code: str = ""
    stopped_reason: str = ""
    exit_code: int | None = None
    process: TaskProcess | None = None
    pending_since: float = 0.0
    running_since: float | None = None
    terminated_at: float | None = None
    was_healthy: bool = False
    counted: bool = False
    created_at: datetime = field(default_factory=now)
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    stopped_at: datetime | None = None
    stopped_since: float = 0.0

    @property
    def arn(self) -> str:
        """The task's ARN, which names it everywhere."""
        return self.spec.task_arn

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.spec.task_arn.rsplit("/", 1)[-1]

    @property
    def active(self) -> bool:
        """Whether the scheduler still counts on this task."""
        return self.desired_status == "RUNNING" and self.last_status != "STOPPED"

    @property
    def running(self) -> bool:
        """Whether the API counts this task as running."""
        return self.last_status == "RUNNING"

    @property
    def pending(self) -> bool:
        """Whether the API counts this task as pending."""
        return self.last_status in ("PROVISIONING", "PENDING", "ACTIVATING")


@dataclass
class Deployment:
    """One deployment of a service. ``status`` is PRIMARY or ACTIVE; a drained one is dropped from its service.

    ``failed_tasks`` counts consecutive failures; ``since`` is when it was made and ``start_after`` when the next start
    may be tried (lab's clock, seconds).
    """

    id: str
    task_definition: str
    status: str = "PRIMARY"
    rollout_state: str = "IN_PROGRESS"
    rollout_state_reason: str = ""
    desired: int = 0
    failed_tasks: int = 0
    rolls_back: bool = False
    since: float = 0.0
    start_after: float = 0.0
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    def move(self, state: str, reason: str) -> None:
        """Enter a rollout state."""
        self.rollout_state, self.rollout_state_reason, self.updated_at = state, reason, now()


@dataclass
class Service:
    """One service. ``request`` is what CreateService and UpdateService asked for, merged, in the API's own shape."""

    arn: str
    name: str
    cluster: str
    cluster_arn: str
    desired: int
    request: dict[str, Any]
    status: str = "ACTIVE"
    deployments: list[Deployment] = field(default_factory=list)
    last_completed: str = ""
    steady: bool = False
    tags: list[dict[str, str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)

    @property
    def key(self) -> str:
        """The name under which the control plane keeps it."""
        return f"{self.cluster}:{self.name}"

    @property
    def physical_resource_id(self) -> str:
        """What CloudFormation and the tagging API call it."""
        return self.arn

    @property
    def primary(self) -> Deployment:
        """The deployment that the service is moving to, or is at."""
        return next(deployment for deployment in self.deployments if deployment.status == "PRIMARY")

    @property
    def load_balancers(self) -> list[dict[str, Any]]:
        """The target groups that its tasks register with."""
        found: list[dict[str, Any]] = self.request.get("loadBalancers") or []
        return found

    @property
    def configuration(self) -> dict[str, Any]:
        """The deployment configuration, defaults filled in."""
        return {
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            **(self.request.get("deploymentConfiguration") or {}),
        }

    @property
    def breaker(self) -> dict[str, bool]:
        """The circuit breaker's settings."""
        found: dict[str, bool] = self.configuration.get("deploymentCircuitBreaker") or {}
        return {"enable": bool(found.get("enable")), "rollback": bool(found.get("rollback"))}

    def tell(self, message: str, event_id: str) -> None:
        """Add an event, newest first, as DescribeServices shows them."""
        self.events.insert(0, {"id": event_id, "createdAt": now(), "message": f"(service {self.name}) {message}"})
        del self.events[EVENTS_KEPT:]
