# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe calls return at most a page, and DescribeRules takes at most 20 rule ARNs.

moto pages rules and load balancers, but not listeners and target groups.
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeRules.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend
from moto.elbv2.responses import ELBV2Response

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud

MOST_RULES = 20
LONGEST_PAGE = 400


def correct(cloud: Cloud, moto: Patches) -> None:
    """Cut the answers into pages."""
    moto.wrap(ELBV2Response, "describe_listeners", _paged("Listeners"))
    moto.wrap(ELBV2Response, "describe_target_groups", _paged("TargetGroups"))

    def describe_rules(original: Any, backend: ELBv2Backend, listener_arn: Any, rule_arns: Any) -> Any:
        if rule_arns and len(rule_arns) > MOST_RULES:
            raise ELBClientError("ValidationError", f"Up to '{MOST_RULES}' rule ARNs can be specified")
        return original(backend, listener_arn, rule_arns)

    moto.wrap(ELBv2Backend, "describe_rules", describe_rules)


def _paged(key: str) -> Any:
    def describe(original: Any, response: ELBV2Response) -> ActionResult:
        result: Any = original(response).result
        items = list(result[key])
        begin = int(response._get_param("Marker") or 0)
        end = begin + min(LONGEST_PAGE, response._get_int_param("PageSize", LONGEST_PAGE))
        marker = {"NextMarker": str(end)} if end < len(items) else {}
        return ActionResult({key: items[begin:end], **marker})

    return describe
