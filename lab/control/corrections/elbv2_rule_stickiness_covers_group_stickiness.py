# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rule stickiness off while one of several target groups has stickiness on is refused, from either side.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/2734 (ModifyTargetGroupAttributes's own words)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.exceptions import InvalidConfigurationRequest, InvalidLoadBalancerActionException
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

    def modify(original: Any, backend: ELBv2Backend, arn: str, attributes: dict[str, Any]) -> Any:
        if is_true(attributes.get("stickiness.enabled")):
            _check_rules(backend, arn)
        return original(backend, arn, attributes)

    moto.wrap(ELBv2Backend, "_validate_actions", check)
    moto.wrap(ELBv2Backend, "modify_target_group_attributes", modify)


def _check_rules(backend: ELBv2Backend, arn: str) -> None:
    """Refuse target stickiness for a group behind a rule that splits without group stickiness."""
    for balancer in backend.load_balancers.values():
        for listener in balancer.listeners.values():
            for rule in listener.rules.values():
                if any(_splits_without(action.data.get("ForwardConfig") or {}, arn) for action in rule.actions):
                    raise InvalidConfigurationRequest(
                        f"This target group appears behind a rule with group stickiness disabled ({rule.arn}). You "
                        "must enable group stickiness before enabling target stickiness"
                    )


def _splits_without(config: dict[str, Any], arn: str) -> bool:
    arns = [group["TargetGroupArn"] for group in config.get("TargetGroups") or []]
    return arn in arns and len(arns) > 1 and not _sticky(config)


def _sticky(config: dict[str, Any]) -> bool:
    return is_true((config.get("TargetGroupStickinessConfig") or {}).get("Enabled"))


def _check(backend: ELBv2Backend, config: dict[str, Any]) -> None:
    groups = config.get("TargetGroups") or []
    if len(groups) < 2 or _sticky(config):
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
