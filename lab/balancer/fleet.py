# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Envoy for each load balancer of the cloud, kept to the live rules and targets.

A change of listeners or rules takes effect ``propagation_delay`` seconds after it was first seen, as a weight does on
AWS some seconds after the API has accepted it; targets take effect at once.
"""

from __future__ import annotations

import logging
import shutil
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.addresses import bound_ports
from lab.balancer import config
from lab.balancer.actions import cluster_name
from lab.balancer.certificate import self_signed
from lab.balancer.config import Document
from lab.balancer.envoy import Envoy, EnvoyError
from lab.control.views import LoadBalancer, TargetGroup
from lab.metrics.cloudwatch import Served

RETENTION = 60.0
"""Seconds that a target group stays known after the last rule let go of it, so that its requests in flight can end."""

log = logging.getLogger(__name__)


class Propagation:
    """A value that takes effect some seconds after it was first seen; the very first one at once."""

    def __init__(self, delay: float, first: LoadBalancer) -> None:
        self._delay = delay
        self._latest = first
        self._coming: deque[tuple[float, LoadBalancer]] = deque()
        self.active = first

    def observe(self, value: LoadBalancer, now: float) -> LoadBalancer:
        """Take note of ``value`` as it is ``now``, and return what is in effect."""
        if value != self._latest:
            self._coming.append((now, value))
            self._latest = value
        while self._coming and self._coming[0][0] + self._delay <= now:
            self.active = self._coming.popleft()[1]
        return self.active


class Balancer:
    """The Envoy of one load balancer."""

    def __init__(self, first: LoadBalancer, *, directory: Path, propagation_delay: float, low_ports: bool) -> None:
        self._arn = first.arn
        self._propagation = Propagation(propagation_delay, first)
        self._low_ports = low_ports
        self._known: dict[str, float] = {}
        self.envoy = Envoy(first.name, directory)

    def update(self, seen: LoadBalancer, groups: Mapping[str, TargetGroup], now: float) -> None:
        """Bring Envoy to what is in effect ``now``; start it if it does not run."""
        active = self._propagation.observe(seen, now)
        for arn in config.forwarded_groups([active, seen]):
            self._known[arn] = now
        self._known = {arn: used for arn, used in self._known.items() if used + RETENTION > now}
        documents = self.documents(active, groups)
        if self.envoy.alive():
            self.envoy.apply(documents)
            return
        self.envoy.start(documents)
        self.envoy.wait_ready()

    @property
    def active(self) -> LoadBalancer:
        """What it does now."""
        return self._propagation.active

    def served(self) -> Served:
        """What it said of the requests that ended since this was last called."""
        return self._said(self.envoy.requests())

    def stop(self) -> Served:
        """End it. Returns what it said of its last requests."""
        return self._said(self.envoy.stop())

    def _said(self, lines: list[str]) -> Served:
        return Served(self._arn, {cluster_name(arn): arn for arn in self._known}, tuple(lines))

    def documents(self, active: LoadBalancer, groups: Mapping[str, TargetGroup]) -> dict[str, Document]:
        """The configuration files, in the order in which Envoy must get them: what is referred to comes first."""
        directory = str(self.envoy.directory)
        bound = bound_ports((listener.port for listener in active.listeners), low_ports=self._low_ports)
        found = {config.endpoints_file(arn): config.endpoints(arn, groups.get(arn)) for arn in self._known}
        found[config.CLUSTERS] = config.clusters(self._known, directory)
        found |= {config.routes_file(listener): config.routes(listener, bound) for listener in active.listeners}
        certificate = self_signed(active.address)
        found[config.LISTENERS] = config.listeners(active, directory=directory, bound=bound, certificate=certificate)
        return found


class Fleet:
    """All load balancers of the lab. Drive it from one thread that lives as long as the lab."""

    def __init__(self, directory: Path, *, propagation_delay: float, low_ports: bool) -> None:
        self._directory = directory
        self._propagation_delay = propagation_delay
        self._low_ports = low_ports
        self._balancers: dict[str, Balancer] = {}
        self._troubles: dict[str, str] = {}
        self._served: list[Served] = []

    def update(self, seen: Iterable[LoadBalancer], groups: Mapping[str, TargetGroup], now: float) -> None:
        """Start, change and stop Envoys so that they do what the cloud says. ``now`` is monotonic, in seconds."""
        current = {balancer.arn: balancer for balancer in seen}
        for arn in self._balancers.keys() - current.keys():
            self._served.append(self._balancers.pop(arn).stop())
        for balancer in current.values():
            self._update(balancer, groups, now)

    def _update(self, balancer: LoadBalancer, groups: Mapping[str, TargetGroup], now: float) -> None:
        """Update one load balancer. What keeps it from working is logged once, and does not keep back the others."""
        trouble = ""
        try:
            self._of(balancer).update(balancer, groups, now)
        except (EnvoyError, ValueError, OSError) as error:
            trouble = str(error)
        if trouble and self._troubles.get(balancer.arn) != trouble:
            log.error("load balancer %s: %s", balancer.name, trouble)
        self._troubles[balancer.arn] = trouble

    def in_effect(self) -> list[LoadBalancer]:
        """What the load balancers do now, which is what the API said some seconds ago."""
        return [balancer.active for balancer in self._balancers.values()]

    def served(self) -> list[Served]:
        """What the load balancers said of the requests that ended since this was last called."""
        found = [*self._served, *(balancer.served() for balancer in self._balancers.values())]
        self._served = []
        return [each for each in found if each.lines]

    def stop(self) -> None:
        """End every Envoy."""
        for balancer in self._balancers.values():
            balancer.stop()
        self._balancers.clear()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _of(self, balancer: LoadBalancer) -> Balancer:
        """The one that plays ``balancer``."""
        if balancer.arn not in self._balancers:
            self._balancers[balancer.arn] = Balancer(
                balancer,
                directory=self._directory / balancer.address,
                propagation_delay=self._propagation_delay,
                low_ports=self._low_ports,
            )
        return self._balancers[balancer.arn]
