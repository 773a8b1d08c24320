# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cloud on this machine: the API server, the scheduler and the health checks under one lock."""

from __future__ import annotations

import threading

from lab.control.settings import Settings
from lab.control.views import LoadBalancer, Network, Spawn, TargetGroup


class Cloud:
    """One region of one account. ``start`` serves the API; the caller drives everything else by ``tick``."""

    def __init__(self, *, network: Network, spawn: Spawn, settings: Settings) -> None:
        self.lock = threading.RLock()
        self.network = network
        self.spawn = spawn
        self.settings = settings

    def start(self) -> None:
        """Serve the AWS API at the network's control-plane address, in threads of this process."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop serving, and kill every task."""
        raise NotImplementedError

    def tick(self) -> None:
        """One pass of scheduler, autoscaler and health checks; quick, and meant to be called every 0.25 s."""
        raise NotImplementedError

    def load_balancers(self) -> list[LoadBalancer]:
        """The load balancers, their listeners and rules, as they are now."""
        raise NotImplementedError

    def target_groups(self) -> dict[str, TargetGroup]:
        """The target groups by ARN, with the state of each target."""
        raise NotImplementedError
