# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What CloudFormation does on behalf of whoever deploys or destroys the stack, as AWS publishes it of its resources.

The lab cannot tell: its CloudFormation asks no permission of anybody.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any

from lab.checkout import CHECKOUT
from tests.permissions.policies import FOLDER, as_text

FILE = FOLDER / "stack.json"
TEMPLATE = CHECKOUT / "roles" / "canary" / "files" / "canary-stack.template"
TYPE = re.compile(r"^    Type: (AWS::\w+::\w+)$", re.MULTILINE)
VIA_CLOUDFORMATION = {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}}

# Named by AWS for properties that the template does not set.
UNUSED = (
    "cognito-idp:*", "firehose:*", "kms:*", "lambda:*", "s3:*", "cloudwatch:GetMetricData",
    "*:*ScheduledAction*", "*:*CapacityReservation", "*:*AccountSetting*", "*:*CapacityProviders",
    "*:*PermissionsBoundary", "ec2:*Ipam*", "ec2:*Vpn*", "ec2:*VpcEncryption*", "ec2:*SubnetCidrBlock",
    "ec2:ModifyVpcTenancy", "ec2:DescribeInstances", "elasticloadbalancing:ModifyIpPools",
    "elasticloadbalancing:*egisterTargets", "elasticloadbalancing:SetIpAddressType",
    "elasticloadbalancing:SetRulePriorities", "logs:*KmsKey", "logs:*DataProtection*", "logs:*IndexPolic*",
    "logs:*ResourcePolic*", "logs:*LogDelivery", "logs:PutBearerTokenAuthentication",
    "logs:PutLogGroupDeletionProtection",
)  # fmt: skip

# What the template's functions and the load balancer's creation ask beside that.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/security_iam_service-with-iam.html
ALSO = {"ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeAvailabilityZones"}


def handled() -> Iterator[tuple[str, set[str]]]:
    """Each type of resource in the template, and the actions that CloudFormation takes for it."""
    types = set(TYPE.findall(TEMPLATE.read_text(encoding="utf-8")))
    for path in resources.files("cfnlint.data.schemas.resources").iterdir():
        schema = json.loads(path.read_text(encoding="utf-8")) if path.name.endswith(".json") else {}
        if schema.get("typeName") in types:
            types.discard(schema["typeName"])
            handlers = [schema["handlers"].get(name, {}) for name in ("create", "read", "update", "delete")]
            yield schema["typeName"], {action for handler in handlers for action in handler.get("permissions", [])}
    if types:
        raise ValueError(f"AWS publishes nothing of {', '.join(sorted(types))}")


def actions() -> set[str]:
    """Every action of every resource in the template, but those for what it does not use."""
    every = {action for _type, found in handled() for action in found} | ALSO
    return {action for action in every if not any(fnmatchcase(action, unused) for unused in UNUSED)}


def document() -> dict[str, Any]:
    """The policy: everything through CloudFormation alone, and roles those of the stack."""
    every = actions()
    linked = {"iam:CreateServiceLinkedRole"}
    roles = {action for action in every if action.startswith("iam:")} - linked
    return {
        "Version": "2012-10-17",
        "Statement": [
            _statement("Resources", every - roles - linked, "*"),
            _statement("RolesOfTheStack", roles, "arn:aws:iam::ACCOUNT:role/STACK-*"),
            _statement("RolesOfServices", linked, "arn:aws:iam::ACCOUNT:role/aws-service-role/*"),
        ],
    }


def _statement(sid: str, allowed: set[str], resource: str) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": sorted(allowed),
        "Resource": resource,
        "Condition": VIA_CLOUDFORMATION,
    }


def write() -> None:
    """Write the policy's file."""
    FILE.write_text(as_text(document()), encoding="utf-8")
