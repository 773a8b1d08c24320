# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rule stickiness off while one of several target groups has stickiness on is refused.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.exceptions import InvalidLoadBalancerActionException
from moto.elbv2.models import ELBv2Backend, FakeAction

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud


def correct(cloud: Cloud, moto: Patches) -> None:
    """Check every forward action to more than one group."""

    def check(original: Any, backend: ELBv2Backend, actions: list[FakeAction]) -> Any:
        original(backend, actions)
        for action in actions:
            _check(backend, action.data.get("ForwardConfig") or {})

    moto.wrap(ELBv2Backend, "_validate_actions", check)


def _check(backend: ELBv2Backend, config: dict[str, Any]) -> None:
    groups = config.get("TargetGroups") or []
    if len(groups) < 2 or is_true((config.get("TargetGroupStickinessConfig") or {}).get("Enabled")):
        return
    for group in groups:
        attributes = backend.target_groups[group["TargetGroupArn"]].attributes
        if is_true(attributes.get("stickiness.enabled")):
            raise InvalidLoadBalancerActionException(
                "You must enable group stickiness on the action if you enabled target stickiness on one of its "
                "target groups"
            )


def is_true(value: Any) -> bool:
    """A boolean, also where the query protocol sent it as a word."""
    return str(value).lower() == "true"
