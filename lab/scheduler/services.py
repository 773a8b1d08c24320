# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service scheduler: keeps the desired count, rolls deployments, trips the circuit breaker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.control.views import Network
from lab.scheduler import ids
from lab.scheduler.model import Deployment, Service, Task
from lab.scheduler.rollout import Count, breaker_threshold, next_step
from lab.scheduler.specs import spec_of
from lab.scheduler.targets import Group, Targets
from lab.scheduler.tasks import Tasks

FAILED = "ECS deployment circuit breaker: tasks failed to start."
SETTLE_SECONDS = 2.0
"""A rollout is judged over some time, so that no deployment comes and goes between two looks at it."""
LONGEST_BACKOFF_SECONDS = 10.0


@dataclass
class Services:
    """Every service, by ``cluster:name``. ``definition`` gives a task definition in the API's shape, by ARN."""

    tasks: Tasks
    targets: Targets
    network: Network
    definition: Callable[[str], dict[str, Any]]
    clock: Callable[[], float]
    by_key: dict[str, Service] = field(default_factory=dict)

    def deploy(self, service: Service, *, reason: str = "") -> Deployment:
        """Start a deployment of the service's task definition; what was PRIMARY becomes ACTIVE and drains."""
        for deployment in service.deployments:
            deployment.status = "ACTIVE"
        fresh = Deployment(id=ids.deployment_id(), task_definition=service.request["taskDefinition"])
        fresh.desired, fresh.since = service.desired, self.clock()
        fresh.rollout_state_reason = reason or f"ECS deployment {fresh.id} in progress."
        service.deployments.insert(0, fresh)
        service.steady = False
        return fresh

    def scale(self, service: Service, desired: int) -> None:
        """Change the desired count; no deployment starts."""
        if desired != service.desired:
            service.desired = desired
            service.steady = False

    def delete(self, service: Service) -> None:
        """Start draining a service; it is INACTIVE once its tasks have stopped."""
        service.status, service.desired = "DRAINING", 0

    def tick(self, groups: dict[str, Group], *, at: float) -> None:
        """One pass over every service."""
        for service in self.by_key.values():
            if service.status == "INACTIVE" or not service.deployments:
                self._retire(service)
                continue
            mine = self.tasks.of(service)
            self._account(service, mine, at)
            self._replace_unhealthy(service, mine, at)
            self._roll(service, mine, at)
            self._settle(service, self.tasks.of(service), at)
            self._retire(service)

    def healthy(self, service: Service, task: Task) -> bool:
        """Whether a task counts as healthy: running, and healthy in each of its groups that is in use."""
        return task.running and all(state in ("healthy", "unused") for state in self._states(service, task))

    def _states(self, service: Service, task: Task) -> list[str]:
        """The task's target states, one a target group."""
        found = []
        for balancer in service.load_balancers:
            target = self.targets.find(balancer["targetGroupArn"], task.spec.address, int(balancer["containerPort"]))
            found.append(target.state if target else "unused")
        return found

    def _account(self, service: Service, mine: list[Task], at: float) -> None:
        """Count failures and successes of the running rollout, each task once."""
        for task in mine:
            deployment = next((d for d in service.deployments if d.id == task.deployment), None)
            if deployment is None or deployment.rollout_state != "IN_PROGRESS":
                continue
            if not task.was_healthy and task.active and self.healthy(service, task) and self._proven(service, task, at):
                task.was_healthy, deployment.failed_tasks = True, 0
            if self._failed(task) and not task.counted:
                task.counted = True
                deployment.failed_tasks += 1
                deployment.start_after = at + min(LONGEST_BACKOFF_SECONDS, deployment.failed_tasks - 1.0)
        self._break(service)

    def _proven(self, service: Service, task: Task, at: float) -> bool:
        """Whether health was checked at all; a task without a checked target has only staying up to show."""
        if "healthy" in self._states(service, task):
            return True
        return task.running_since is not None and at - task.running_since >= 2.0

    @staticmethod
    def _failed(task: Task) -> bool:
        """Whether a task stopped in a way that the circuit breaker counts."""
        by_itself = task.stop_code in ("EssentialContainerExited", "TaskFailedToStart")
        unhealthy = task.stopped_reason.startswith("Task failed ELB health checks")
        return task.desired_status == "STOPPED" and (by_itself or unhealthy)

    def _break(self, service: Service) -> None:
        """Trip the circuit breaker where it is on and the threshold is reached; roll back where that is on.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
        """
        primary = service.primary
        tripped = primary.failed_tasks >= breaker_threshold(service.desired)
        if not (service.breaker["enable"] and tripped and primary.rollout_state == "IN_PROGRESS"):
            return
        if primary.rolls_back:
            return
        primary.move("FAILED", FAILED)
        self._tell(service, f"(deployment {primary.id}) deployment failed: tasks failed to start.")
        if service.breaker["rollback"] and service.last_completed:
            self._roll_back(service, primary)

    def _roll_back(self, service: Service, failed: Deployment) -> None:
        """A new deployment of the last completed task definition, which takes over the tasks that still run it."""
        service.request["taskDefinition"] = service.last_completed
        old = [d for d in service.deployments if d is not failed and d.task_definition == service.last_completed]
        target = old[0].id if old else failed.id
        why = f"ECS deployment circuit breaker: rolling back to deploymentId {target}."
        fresh = self.deploy(service, reason=why)
        fresh.rolls_back = True
        for task in self.tasks.of(service):
            if task.active and task.deployment in {d.id for d in old}:
                task.deployment = fresh.id
        self._tell(service, f"rolling back to deployment {target}.")

    def _replace_unhealthy(self, service: Service, mine: list[Task], at: float) -> None:
        """Stop tasks that the load balancer finds unhealthy, after the grace period."""
        grace = float(service.request.get("healthCheckGracePeriodSeconds") or 0)
        for task in mine:
            if not (task.active and task.running and task.running_since is not None):
                continue
            if at - task.running_since < grace or "unhealthy" not in self._states(service, task):
                continue
            group = self._unhealthy_group(service, task)
            why = f"(reason {self._why(group, task)})"
            self._tell(service, f"(port {task.spec.port}) is unhealthy in (target-group {group}) due to {why}.")
            reason = f"Task failed ELB health checks in (target-group {group})"
            self.tasks.stop(task, code="ServiceSchedulerInitiated", reason=reason)

    def _unhealthy_group(self, service: Service, task: Task) -> str:
        pairs = zip(service.load_balancers, self._states(service, task), strict=True)
        return str(next(balancer["targetGroupArn"] for balancer, state in pairs if state == "unhealthy"))

    def _why(self, group: str, task: Task) -> str:
        target = self.targets.find(group, task.spec.address, task.spec.port)
        return target.description if target else ""

    def _roll(self, service: Service, mine: list[Task], at: float) -> None:
        """Start and stop what the rollout's arithmetic says."""
        primary = service.primary
        primary.desired = service.desired
        new = [task for task in mine if task.active and task.deployment == primary.id]
        old = [task for task in mine if task.active and task.deployment != primary.id]
        step = next_step(
            service.desired,
            primary=self._count(service, new),
            old=self._count(service, old),
            minimum_healthy_percent=int(service.configuration["minimumHealthyPercent"]),
            maximum_percent=int(service.configuration["maximumPercent"]),
        )
        last_first = self._others(service, new) + self._healthy(service, new)[::-1]
        self._stop(service, last_first[: step.stop_primary])
        if primary.rollout_state == "FAILED" and service.status == "ACTIVE":
            return
        if step.start and at >= primary.start_after:
            self._start(service, primary, step.start)
        self._stop(service, self._others(service, old)[: step.stop_old_other])
        self._stop(service, self._healthy(service, old)[: step.stop_old_healthy])

    def _healthy(self, service: Service, tasks: list[Task]) -> list[Task]:
        return [task for task in tasks if self.healthy(service, task)]

    def _others(self, service: Service, tasks: list[Task]) -> list[Task]:
        return [task for task in tasks if not self.healthy(service, task)]

    def _count(self, service: Service, tasks: list[Task]) -> Count:
        healthy = len(self._healthy(service, tasks))
        return Count(healthy=healthy, other=len(tasks) - healthy)

    def _start(self, service: Service, deployment: Deployment, number: int) -> None:
        """Create tasks; they start with the next tick."""
        definition = self.definition(deployment.task_definition)
        started = []
        for _turn in range(number):
            spec = spec_of(definition, service, self.network.next_task())
            task = Task(
                spec=spec,
                task_definition=deployment.task_definition,
                cluster_arn=service.cluster_arn,
                group=f"service:{service.name}",
                deployment=deployment.id,
                service_key=service.key,
            )
            self.tasks.add(task)
            started.append(f"(task {task.id})")
        self._tell(service, f"has started {number} tasks: {' '.join(started)}.")

    def _stop(self, service: Service, tasks: list[Task]) -> None:
        """Stop tasks that the rollout or a lower desired count no longer needs."""
        for task in tasks:
            reason = f"Scaling activity initiated by (deployment {task.deployment})"
            self.tasks.stop(task, code="ServiceSchedulerInitiated", reason=reason)
        if tasks:
            names = " ".join(f"(task {task.id})" for task in tasks)
            self._tell(service, f"has stopped {len(tasks)} running tasks: {names}.")
            if service.load_balancers:
                self._tell(service, f"has begun draining connections on {len(tasks)} tasks.")

    def _settle(self, service: Service, mine: list[Task], at: float) -> None:
        """Drop superseded deployments that have no task left, and complete the rollout that is all there is.

        A failed deployment stays in sight until the one that took its place has completed.
        """
        primary = service.primary
        alive = {task.deployment for task in mine if task.last_status != "STOPPED"}
        for deployment in list(service.deployments):
            deployment.desired = service.desired if deployment is primary else self._still(mine, deployment)
            if deployment is not primary and deployment.id not in alive and deployment.rollout_state != "FAILED":
                service.deployments.remove(deployment)
        new = [task for task in mine if task.active and task.deployment == primary.id]
        full = len(self._healthy(service, new)) == service.desired == len(new)
        if not full or alive - {primary.id} or at - primary.since < SETTLE_SECONDS:
            service.steady = service.steady and full
            return
        self._complete(service, primary)

    def _complete(self, service: Service, primary: Deployment) -> None:
        """The rollout has reached a steady state."""
        if primary.rollout_state == "IN_PROGRESS":
            service.deployments = [primary]
            primary.move("COMPLETED", f"ECS deployment {primary.id} completed.")
            primary.failed_tasks = 0
            service.last_completed = primary.task_definition
            self._tell(service, f"(deployment {primary.id}) deployment completed.")
        if not service.steady:
            service.steady = True
            self._tell(service, "has reached a steady state.")

    @staticmethod
    def _still(mine: list[Task], deployment: Deployment) -> int:
        return sum(task.active and task.deployment == deployment.id for task in mine)

    def _retire(self, service: Service) -> None:
        """A draining service is INACTIVE once none of its tasks is left."""
        if service.status == "DRAINING" and all(task.last_status == "STOPPED" for task in self.tasks.of(service)):
            service.status = "INACTIVE"
            service.deployments = []

    @staticmethod
    def _tell(service: Service, message: str) -> None:
        service.tell(message, ids.uuid_id())
