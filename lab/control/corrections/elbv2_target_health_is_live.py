# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target health is what health checks found: initial, healthy, unhealthy, unused, draining, each with its reason.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.exceptions import InvalidTargetError, TargetGroupNotFoundError
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeTargetGroup

from lab.control.patches import Patches
from lab.scheduler.targets import Registered

if TYPE_CHECKING:
    from lab.control.cloud import Cloud

Target = dict[str, Any]


def correct(cloud: Cloud, moto: Patches) -> None:
    """Register, deregister and describe on the lab's own targets."""

    def register(_original: Any, backend: ELBv2Backend, arn: str, targets: list[Target]) -> None:
        group = _group(backend, arn)
        for target in targets:
            cloud.targets.register(arn, target["Id"], _port(target, group), at=cloud.settings.clock())

    def deregister(_original: Any, backend: ELBv2Backend, arn: str, targets: list[Target]) -> None:
        group = _group(backend, arn)
        for target in targets:
            port = _port(target, group)
            if cloud.targets.find(arn, target["Id"], port) is None:
                raise InvalidTargetError()
            cloud.targets.deregister(cloud.groups()[arn], target["Id"], port, at=cloud.settings.clock())

    def describe(_original: Any, backend: ELBv2Backend, arn: str, targets: list[Target]) -> list[FakeHealthStatus]:
        group = _group(backend, arn)
        if not targets:
            return [_status(target, group) for target in cloud.targets.of(arn)]
        return [_one(cloud, group, target) for target in targets]

    moto.wrap(ELBv2Backend, "register_targets", register)
    moto.wrap(ELBv2Backend, "deregister_targets", deregister)
    moto.wrap(ELBv2Backend, "describe_target_health", describe)


def _group(backend: ELBv2Backend, arn: str) -> FakeTargetGroup:
    group = backend.target_groups.get(arn)
    if group is None:
        raise TargetGroupNotFoundError()
    return group


def _port(target: Target, group: FakeTargetGroup) -> int:
    return int(target.get("Port") or group.port)


def _status(target: Registered, group: FakeTargetGroup) -> FakeHealthStatus:
    check_port = str(target.port) if group.health_check_port == "traffic-port" else group.health_check_port
    return FakeHealthStatus(
        target.id, str(target.port), check_port, target.state, target.reason or None, target.description or None
    )


def _one(cloud: Cloud, group: FakeTargetGroup, target: Target) -> FakeHealthStatus:
    """One target that was asked for by name."""
    port = _port(target, group)
    known = cloud.targets.find(group.arn, target["Id"], port)
    if known is not None:
        return _status(known, group)
    words = "Target is not registered to the target group"
    return FakeHealthStatus(target["Id"], str(port), None, "unused", "Target.NotRegistered", words)
