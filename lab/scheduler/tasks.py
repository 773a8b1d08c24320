# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a task, from PROVISIONING to STOPPED, around one real process."""

from __future__ import annotations

from dataclasses import dataclass

from lab.control.views import Spawn
from lab.scheduler.model import Service, Task, now
from lab.scheduler.targets import Group, Targets

STOPPED_KEPT_SECONDS = 3600.0
"""How long DescribeTasks still knows a stopped task.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html"""


@dataclass
class Tasks:
    """Every task of the lab, by ARN. The caller holds the lab's lock."""

    spawn: Spawn
    targets: Targets
    start_seconds: float

    def __post_init__(self) -> None:
        self.by_arn: dict[str, Task] = {}

    def of(self, service: Service) -> list[Task]:
        """A service's tasks, oldest first, the stopped ones too."""
        return [task for task in self.by_arn.values() if task.service_key == service.key]

    def add(self, task: Task) -> None:
        """Take in a new task; it starts with the next tick."""
        self.by_arn[task.arn] = task

    def stop(self, task: Task, *, code: str, reason: str) -> None:
        """Ask a task to stop: it is deregistered and drained first, and only then gets SIGTERM."""
        if task.desired_status == "STOPPED":
            return
        task.desired_status = "STOPPED"
        task.stop_code, task.stopped_reason, task.stopping_at = code, reason, now()

    def kill_all(self) -> None:
        """End every process at once: the lab is going away."""
        for task in self.by_arn.values():
            if task.process is not None and task.process.poll() is None:
                task.process.kill()

    def tick(self, services: dict[str, Service], groups: dict[str, Group], *, at: float) -> None:
        """Move every task one step on."""
        for task in list(self.by_arn.values()):
            service = services.get(task.service_key)
            if task.last_status == "STOPPED":
                if at - task.stopped_since > STOPPED_KEPT_SECONDS:
                    del self.by_arn[task.arn]
            elif task.desired_status == "STOPPED":
                self._leave(task, service, groups, at)
            else:
                self._enter(task, service, groups, at)

    def _enter(self, task: Task, service: Service | None, groups: dict[str, Group], at: float) -> None:
        """PROVISIONING -> PENDING (the process starts) -> RUNNING (it is registered)."""
        if task.last_status == "PROVISIONING":
            task.process = self.spawn(task.spec)
            task.last_status, task.pending_since = "PENDING", at
            return
        if self._died(task, at):
            self._deregister(task, service, groups, at)
            return
        if task.last_status == "PENDING" and at - task.pending_since >= self.start_seconds:
            task.last_status, task.running_since, task.started_at = "RUNNING", at, now()
            for balancer in service.load_balancers if service else []:
                port = int(balancer["containerPort"])
                self.targets.register(balancer["targetGroupArn"], task.spec.address, port, at=at)

    def _leave(self, task: Task, service: Service | None, groups: dict[str, Group], at: float) -> None:
        """Deregister and drain, then SIGTERM, then SIGKILL after the stop timeout, then STOPPED.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
        """
        if task.process is None:
            self._stopped(task, None, at)
            return
        if task.terminated_at is None:
            if self._drained(task, service, groups, at):
                task.last_status, task.terminated_at = "STOPPING", at
                task.process.terminate()
            return
        status = task.process.poll()
        if status is not None:
            self._stopped(task, status, at)
        elif at - task.terminated_at >= task.spec.stop_timeout:
            task.process.kill()

    def _drained(self, task: Task, service: Service | None, groups: dict[str, Group], at: float) -> bool:
        """Deregister from every group, and say whether each deregistration delay is over."""
        if task.last_status != "DEACTIVATING":
            self._deregister(task, service, groups, at)
            task.last_status = "DEACTIVATING"
        return not any(
            self.targets.find(balancer["targetGroupArn"], task.spec.address, int(balancer["containerPort"]))
            for balancer in (service.load_balancers if service else [])
        )

    def _deregister(self, task: Task, service: Service | None, groups: dict[str, Group], at: float) -> None:
        """Take a task out of every group of its service."""
        for balancer in service.load_balancers if service else []:
            group = groups.get(balancer["targetGroupArn"])
            if group is not None:
                self.targets.deregister(group, task.spec.address, int(balancer["containerPort"]), at=at)

    def _died(self, task: Task, at: float) -> bool:
        """Whether the process ended by itself; then the task is over."""
        status = task.process.poll() if task.process else None
        if status is None:
            return False
        task.desired_status, task.stop_code = "STOPPED", "EssentialContainerExited"
        task.stopped_reason, task.stopping_at = "Essential container in task exited", now()
        self._stopped(task, status, at)
        return True

    def _stopped(self, task: Task, status: int | None, at: float) -> None:
        """Enter STOPPED. A process that a signal ended has exit code 128 + signal, as containers do."""
        task.exit_code = status if status is None or status >= 0 else 128 - status
        task.last_status, task.stopped_at, task.stopped_since = "STOPPED", now(), at
