# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the control plane shows to the rest of the lab, as frozen values, and what it asks of the rest of the lab.

Actions and conditions are AWS-shaped dicts, as DescribeRules returns them (``Type``, ``ForwardConfig``...).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Rule:
    """One listener rule. ``priority`` is None for the default rule; rules come in the order the ALB evaluates them."""

    arn: str
    priority: int | None
    conditions: tuple[dict[str, Any], ...]
    actions: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Listener:
    """One listener, its rules in the order of evaluation, the default rule last."""

    arn: str
    port: int
    protocol: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class LoadBalancer:
    """One load balancer. ``address`` is its loopback address, which the API shows as its DNS name."""

    arn: str
    name: str
    address: str
    listeners: tuple[Listener, ...]


@dataclass(frozen=True)
class Target:
    """One registered target. ``state`` is AWS's word: initial, healthy, unhealthy, draining or unused."""

    id: str
    port: int
    state: str
    reason: str


@dataclass(frozen=True)
class TargetGroup:
    """One target group. ``deregistration_delay`` is in seconds."""

    arn: str
    name: str
    port: int
    deregistration_delay: int
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Container:
    """One container of a task definition."""

    name: str
    image: str


@dataclass(frozen=True)
class TaskSpec:
    """Everything that starting one task takes. ``stop_timeout`` is the seconds between SIGTERM and SIGKILL."""

    task_arn: str
    service: str
    family: str
    containers: tuple[Container, ...]
    address: str
    port: int
    stop_timeout: int


class TaskProcess(Protocol):
    """A running task: what `subprocess.Popen` offers of it."""

    pid: int

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def kill(self) -> None:
        """Send SIGKILL."""


Spawn = Callable[[TaskSpec], TaskProcess]


class Network(Protocol):
    """The lab's addresses."""

    @property
    def control_plane(self) -> tuple[str, int]:
        """Address and port of the AWS endpoint."""

    def next_load_balancer(self) -> str:
        """An address for one more load balancer."""

    def next_task(self) -> str:
        """An address for one more task; not one that was in use a moment ago."""
