# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of two load balancers cannot forward to one target group.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroup.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend

from lab.control.patches import Patches
from lab.control.reading import load_balancers_by_group

if TYPE_CHECKING:
    from lab.control.cloud import Cloud

# The first argument of each names the load balancer, one of its listeners, or one of its rules.
OPERATIONS = ("create_listener", "modify_listener", "create_rule", "modify_rule")


def correct(cloud: Cloud, moto: Patches) -> None:
    """Refuse the second one, whichever way it comes."""

    def check(original: Any, backend: ELBv2Backend, *args: Any, **kwargs: Any) -> Any:
        named = next(iter((*args, *kwargs.values())))
        actions = kwargs["actions"] if "actions" in kwargs else args[-1]
        _check(backend, _load_balancer(str(named)), actions or [])
        return original(backend, *args, **kwargs)

    for operation in OPERATIONS:
        moto.wrap(ELBv2Backend, operation, check)


def _load_balancer(arn: str) -> str:
    """The load balancer of a listener or a rule; one is of itself."""
    prefix, _colon, path = arn.rpartition(":")
    return f"{prefix}:loadbalancer/{'/'.join(path.split('/')[1:4])}"


def _check(backend: ELBv2Backend, balancer: str, actions: list[dict[str, Any]]) -> None:
    users = load_balancers_by_group(backend)
    configs = [action.get("ForwardConfig") or {"TargetGroups": [action]} for action in actions]
    groups = {group.get("TargetGroupArn") for config in configs for group in config.get("TargetGroups") or []}
    if taken := sorted(arn for arn in groups if arn and set(users.get(arn, [])) - {balancer}):
        raise ELBClientError(
            "TargetGroupAssociationLimit",
            "The following target groups cannot be associated with more than one load balancer: " + ", ".join(taken),
        )
