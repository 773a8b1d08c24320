# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an ARN says by itself, without asking AWS: one of Elastic Load Balancing above all.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html
"""

from __future__ import annotations

import re

_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):elasticloadbalancing:(?P<region>[a-z0-9-]+):\d{12}:(?P<kind>[a-z-]+)/(?P<path>.+)"
)
_PARTITIONS = {
    "cn-": "aws-cn",
    "eu-isoe-": "aws-iso-e",
    "eusc-": "aws-eusc",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
}
_SEGMENTS = {"targetgroup": 2, "listener": 4, "listener-rule": 5}


def name_in(arn: str) -> str:
    """The last part of an ARN, by which people know it: a cluster's name, a task definition's ``family:revision``."""
    return arn.rpartition("/")[2]


def kind_of(arn: str) -> str | None:
    """``targetgroup``, ``listener`` or ``listener-rule``; None for anything else, a shortened ARN too."""
    match = _ARN.fullmatch(arn)
    if match is None or len(match["path"].split("/")) != _SEGMENTS.get(match["kind"]):
        return None
    return match["kind"]


def region_of(arn: str) -> str | None:
    """The region in the ARN; None where it is none of Elastic Load Balancing's."""
    match = _ARN.fullmatch(arn)
    return match["region"] if match else None


def partition_of(arn: str) -> str | None:
    """The partition in the ARN (``aws``, ``aws-cn``...); None where it is none of Elastic Load Balancing's."""
    match = _ARN.fullmatch(arn)
    return match["partition"] if match else None


def partition_of_region(region: str) -> str:
    """The partition that a region is in.

    https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
    """
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def is_application(arn: str) -> bool:
    """Whether a load balancer, a listener or a rule is of the Application kind (``app``): no other has weights here."""
    match = _ARN.fullmatch(arn)
    return match is not None and match["path"].startswith("app/")


def target_group_name(arn: str) -> str:
    """The name in a target group's ARN (``...:targetgroup/NAME/ID``)."""
    return arn.split("/")[1]


def listener_of_rule(rule: str) -> str:
    """The ARN of the listener that a rule is of: the rule's own without its last part."""
    return rule.replace(":listener-rule/", ":listener/", 1).rpartition("/")[0]


def load_balancer_of_listener(listener: str) -> str:
    """The ARN of the load balancer that a listener is of: the listener's own without its last part."""
    return listener.replace(":listener/", ":loadbalancer/", 1).rpartition("/")[0]
