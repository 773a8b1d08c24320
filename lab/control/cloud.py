# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cloud on this machine: the API server, the scheduler and the health checks under one lock."""

from __future__ import annotations

import threading
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
from moto.core.base_backend import BackendDict
from moto.ecs.models import EC2ContainerServiceBackend, ecs_backends
from moto.elbv2.models import ELBv2Backend, elbv2_backends

from lab.control import corrections, reading
from lab.control.calls import CallLog
from lab.control.ecs import Ecs, TargetGroupFacts, cluster_lookup
from lab.control.patches import Patches
from lab.control.server import ApiServer
from lab.control.settings import Settings
from lab.control.stacks.engine import Engine
from lab.control.views import LoadBalancer, Network, Spawn, TargetGroup
from lab.faults import page
from lab.faults.fault_set import FaultSet
from lab.faults.middleware import FaultInjector
from lab.metrics.cloudwatch import Metrics
from lab.permissions.gate import Gate
from lab.scheduler.autoscaler import Autoscaler
from lab.scheduler.probes import Probes
from lab.scheduler.services import Services
from lab.scheduler.targets import Group, Targets
from lab.scheduler.tasks import Tasks


class Cloud:
    """One region of one account. ``start`` serves the API; the caller drives everything else by ``tick``.

    moto's state is the process's own, so there is one cloud in a process at a time.
    """

    def __init__(self, *, network: Network, spawn: Spawn, settings: Settings, probes: Probes | None = None) -> None:
        self.lock = threading.RLock()
        self.network = network
        self.settings = settings
        self.calls = CallLog(settings.call_log)
        self.probes = probes or Probes()
        self.targets = Targets(self.probes)
        self.tasks = Tasks(spawn=spawn, targets=self.targets, start_seconds=settings.start_seconds)
        self.services = Services(
            tasks=self.tasks,
            targets=self.targets,
            network=network,
            definition=self._definition,
            clock=settings.clock,
        )
        self.ecs = Ecs(
            services=self.services,
            tasks=self.tasks,
            network=network,
            definition=self._definition,
            cluster=lambda given: cluster_lookup(self._moto_ecs.clusters, given),
            target_group=self._facts,
        )
        self.autoscaler = Autoscaler(
            services=self.services, seconds=settings.autoscaling_seconds, load_seconds=settings.load_seconds
        )
        self.server = ApiServer(network.control_plane, lock=self.lock, calls=self.calls, clock=settings.clock)
        self.faults = FaultSet()
        self.server.middlewares += [FaultInjector(self.faults), Gate(account=settings.account)]
        self.server.pages[page.FAULTS_PATH] = page.page(self.faults)
        self.metrics = Metrics(lambda: self._moto_cloudwatch, period=settings.metrics_period, now=settings.wall_clock)
        self.stacks = Engine()
        self._patches = Patches()

    def start(self) -> None:
        """Serve the AWS API at the network's control-plane address, in threads of this process."""
        BackendDict.reset()
        for correct in corrections.ALL:
            correct(self, self._patches)
        self.server.start()

    def stop(self) -> None:
        """Stop serving, and kill every task."""
        self.server.stop()
        with self.lock:
            self.tasks.kill_all()
            self.probes.stop()
            self._patches.undo()

    def tick(self) -> None:
        """One pass of scheduler, autoscaler and health checks; quick, and meant to be called every 0.25 s."""
        with self.lock:
            at = self.settings.clock()
            groups = self.groups()
            self.targets.tick(groups, at=at)
            self.services.tick(groups, at=at)
            self.tasks.tick(self.services.by_key, groups, at=at)
            self.stacks.tick()
            bounds = reading.bounds(self._moto_autoscaling)
            self.autoscaler.tick(bounds, loaded=reading.loaded(self._moto_elbv2), at=at)
            self.metrics.tick()

    def load_balancers(self) -> list[LoadBalancer]:
        """The load balancers, their listeners and rules, as they are now."""
        with self.lock:
            return reading.load_balancers(self._moto_elbv2)

    def target_groups(self) -> dict[str, TargetGroup]:
        """The target groups by ARN, with the state of each target."""
        with self.lock:
            return reading.target_groups(self._moto_elbv2, self.targets)

    def groups(self) -> dict[str, Group]:
        """The target groups' settings by ARN, for the health checks."""
        return reading.groups(self._moto_elbv2)

    @property
    def _moto_elbv2(self) -> ELBv2Backend:
        return elbv2_backends[self.settings.account][self.settings.region]

    @property
    def _moto_ecs(self) -> EC2ContainerServiceBackend:
        return ecs_backends[self.settings.account][self.settings.region]

    @property
    def _moto_autoscaling(self) -> Any:
        return applicationautoscaling_backends[self.settings.account][self.settings.region]

    @property
    def _moto_cloudwatch(self) -> CloudWatchBackend:
        return cloudwatch_backends[self.settings.account][self.settings.region]

    def _definition(self, named: str) -> dict[str, Any]:
        return reading.task_definition(self._moto_ecs.describe_task_definition(named))

    def _facts(self, arn: str) -> TargetGroupFacts | None:
        group = self._moto_elbv2.target_groups.get(arn)
        return TargetGroupFacts(group.target_type, self.groups()[arn].in_use) if group else None
