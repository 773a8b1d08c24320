# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A default rule is changed with ModifyListener; ModifyRule, DeleteRule and SetRulePriorities refuse it.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyRule.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud


def correct(cloud: Cloud, moto: Patches) -> None:
    """Refuse default rules in ModifyRule, DeleteRule and SetRulePriorities."""

    def modify(original: Any, backend: ELBv2Backend, rule_arn: str, conditions: Any, actions: Any) -> Any:
        _refuse_default(backend, rule_arn, "modified")
        return original(backend, rule_arn, conditions, actions)

    def delete(original: Any, backend: ELBv2Backend, arn: str) -> Any:
        _refuse_default(backend, arn, "deleted")
        return original(backend, arn)

    def set_priorities(original: Any, backend: ELBv2Backend, rule_priorities: list[dict[str, Any]]) -> Any:
        for asked in rule_priorities:
            _refuse_default(backend, asked["RuleArn"], "given a priority")
        return original(backend, rule_priorities)

    moto.wrap(ELBv2Backend, "modify_rule", modify)
    moto.wrap(ELBv2Backend, "delete_rule", delete)
    moto.wrap(ELBv2Backend, "set_rule_priorities", set_priorities)


def _refuse_default(backend: ELBv2Backend, rule_arn: str, what: str) -> None:
    for rule in backend.describe_rules(listener_arn=None, rule_arns=[rule_arn]):
        if rule.is_default:
            raise ELBClientError("OperationNotPermitted", f"Default rule '{rule_arn}' cannot be {what}")
