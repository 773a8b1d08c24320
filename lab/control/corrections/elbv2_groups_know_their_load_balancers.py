# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target group's LoadBalancerArns are those whose rules forward to it now.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroup.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.models import ELBv2Backend, FakeTargetGroup

from lab.control.patches import Patches
from lab.control.reading import load_balancers_by_group

if TYPE_CHECKING:
    from lab.control.cloud import Cloud


def correct(cloud: Cloud, moto: Patches) -> None:
    """Work the list out each time; moto adds to it at every rule, and takes nothing away."""

    def describe(original: Any, backend: ELBv2Backend, *args: Any, **kwargs: Any) -> Any:
        _refresh(backend)
        groups: list[FakeTargetGroup] = original(backend, *args, **kwargs)
        return groups

    moto.wrap(ELBv2Backend, "describe_target_groups", describe)


def _refresh(backend: ELBv2Backend) -> None:
    users = load_balancers_by_group(backend)
    for group in backend.target_groups.values():
        group.load_balancer_arns = users.get(group.arn, [])
