# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS CloudFormation, of which only the events of a stack are read here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import AwsError, pages

_NAMES = {
    "LogicalResourceId": "logical_resource_id",
    "ResourceType": "resource_type",
    "ResourceStatus": "resource_status",
    "ResourceStatusReason": "resource_status_reason",
}


def stack_events(client: Any, stack_name: str) -> Iterator[dict[str, str]]:
    """The events of a stack, the newest first, each page read as it is needed; none where there is no such stack.

    Named as amazon.aws.cloudformation_info names them.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
    """
    on = f"stack {stack_name}"
    try:
        for event in pages(client, "describe_stack_events", "StackEvents", on=on, StackName=stack_name):
            yield {ours: event[theirs] for theirs, ours in _NAMES.items() if event.get(theirs)}
    except AwsError as error:
        # CloudFormation has no code of its own for it.
        if error.code != "ValidationError" or "does not exist" not in str(error):
            raise
