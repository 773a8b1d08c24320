# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A forward action has at most 5 target groups, each once, with a weight of 0 to 999.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupTuple.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend, FakeAction

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud

MOST_GROUPS = 5
MOST_WEIGHT = 999


def correct(cloud: Cloud, moto: Patches) -> None:
    """Check what moto lets pass; ModifyListener's actions, too, which moto does not check at all."""

    def check(original: Any, backend: ELBv2Backend, actions: list[FakeAction]) -> Any:
        for index, action in enumerate(actions, start=1):
            _check_groups(action.data.get("ForwardConfig") or {}, index)
        return original(backend, actions)

    def modify(original: Any, backend: ELBv2Backend, *args: Any, **kwargs: Any) -> Any:
        given = kwargs["actions"] if "actions" in kwargs else args[5] if len(args) > 5 else []
        backend._validate_actions([FakeAction(action) for action in given or []])
        return original(backend, *args, **kwargs)

    moto.wrap(ELBv2Backend, "_validate_actions", check)
    moto.wrap(ELBv2Backend, "modify_listener", modify)


def _check_groups(config: dict[str, Any], index: int) -> None:
    groups = config.get("TargetGroups") or []
    arns = [group["TargetGroupArn"] for group in groups]
    if len(groups) > MOST_GROUPS:
        raise ELBClientError("ValidationError", f"A forward action can have at most {MOST_GROUPS} target groups")
    if len(set(arns)) < len(arns):
        raise ELBClientError("ValidationError", "A target group can be specified only once in a forward action")
    for position, group in enumerate(groups, start=1):
        weight = int(group.get("Weight", 1))
        if 0 <= weight <= MOST_WEIGHT:
            continue
        bound = "less than or equal to 999" if weight > MOST_WEIGHT else "greater than or equal to 0"
        raise ELBClientError(
            "ValidationError",
            f"1 validation error detected: Value '{weight}' at "
            f"'actions.{index}.member.forwardConfig.targetGroups.{position}.member.weight' failed to satisfy "
            f"constraint: Member must have value {bound}",
        )
