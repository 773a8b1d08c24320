# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request needs to be allowed: its action, and the resources that the action is on.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from moto.cloudformation.models import cloudformation_backends

from lab.control.calls import Request
from lab.permissions.policy import Ask

Parameters = dict[str, Any]
Resources = Sequence[str]

# Where the prefix of actions is not the service's signing name.
PREFIXES = {"monitoring": "cloudwatch"}


@dataclass(frozen=True)
class Place:
    """Where a request goes."""

    region: str
    account: str

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource there."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


def parameters_of(headers: dict[str, Any], body: bytes) -> Parameters:
    """A request's parameters: the JSON protocols' as they are, the query protocol's each by its whole name."""
    text = body.decode("utf-8", "replace")
    if headers.get("HTTP_X_AMZ_TARGET"):
        return dict(json.loads(text or "{}"))
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def asks_of(request: Request, given: Parameters, place: Place) -> list[Ask]:
    """All that must be allowed for a request to be carried out."""
    find, tell = _RESOURCES.get(request.service), _CONTEXTS.get(request.service)
    resources = find(request, given, place) if find else []
    context = tell(given, place) if tell else {}
    action = f"{PREFIXES.get(request.service, request.service)}:{request.operation}"
    asks = [Ask(action, resource, context) for resource in resources or ["*"]]
    passed = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    asks += [Ask("iam:PassRole", role, passed) for role in _roles_passed(request, given)]
    return asks + _tags_on_creation(request, given, place)


def _balancing(request: Request, given: Parameters, _place: Place) -> Resources:
    """Its descriptions are on no resource."""
    if not request.mutating:
        return []
    named = ("RuleArn", "ListenerArn", "TargetGroupArn", "LoadBalancerArn", "ResourceArns.member.1")
    return [given[name] for name in named if name in given][:1]


def _ecs(request: Request, given: Parameters, place: Place) -> Resources:
    cluster = _last(given.get("cluster") or "default")
    if request.operation == "RegisterTaskDefinition":
        return [place.arn("ecs", f"task-definition/{given['family']}:*")]
    if request.operation in ("TagResource", "UntagResource"):
        return [given["resourceArn"]]
    if request.operation == "DescribeTasks":
        return [place.arn("ecs", f"task/{cluster}/{_last(task)}") for task in given.get("tasks", [])]
    if request.operation in ("DescribeServices", "UpdateService", "CreateService", "DeleteService"):
        named = given.get("services") or [given.get("service") or given.get("serviceName", "")]
        return [place.arn("ecs", f"service/{cluster}/{_last(service)}") for service in named]
    return []


def _scaling(request: Request, _given: Parameters, place: Place) -> Resources:
    """A scalable target has an id that nobody names; conditions tell one from another."""
    return [place.arn(request.service, "scalable-target/lab")] if request.mutating else []


def _stacks(_request: Request, given: Parameters, place: Place) -> Resources:
    """A stack that is named has an id behind its name; a change set that is named by its ARN alone is of a stack."""
    name = given.get("StackName")
    if not name:
        sets = cloudformation_backends[place.account][place.region].change_sets
        found = sets.get(given.get("ChangeSetName", ""))
        return [found.stack.stack_id] if found else []
    return [name if name.startswith("arn:") else place.arn("cloudformation", f"stack/{name}/lab")]


_RESOURCES: dict[str, Callable[[Request, Parameters, Place], Resources]] = {
    "elasticloadbalancing": _balancing,
    "ecs": _ecs,
    "application-autoscaling": _scaling,
    "cloudformation": _stacks,
}


def _in_cluster(given: Parameters, place: Place) -> dict[str, str]:
    return {"ecs:cluster": place.arn("ecs", f"cluster/{_last(given.get('cluster') or 'default')}")}


def _dimension(given: Parameters, _place: Place) -> dict[str, str]:
    named = {"service-namespace": "ServiceNamespace", "scalable-dimension": "ScalableDimension"}
    return {f"application-autoscaling:{key}": given[name] for key, name in named.items() if name in given}


_CONTEXTS: dict[str, Callable[[Parameters, Place], dict[str, str]]] = {
    "ecs": _in_cluster,
    "application-autoscaling": _dimension,
}


def _roles_passed(request: Request, given: Parameters) -> list[str]:
    """The roles that a task definition hands to its tasks.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    if request.operation != "RegisterTaskDefinition":
        return []
    return [str(given[name]) for name in ("taskRoleArn", "executionRoleArn") if given.get(name)]


def _tags_on_creation(request: Request, given: Parameters, place: Place) -> list[Ask]:
    """Who registers a task definition with tags tags it, too.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/supported-iam-actions-tagging.html
    """
    if request.operation != "RegisterTaskDefinition" or not given.get("tags"):
        return []
    (definition,) = _ecs(request, given, place)
    return [Ask("ecs:TagResource", definition, {"ecs:CreateAction": request.operation})]


def _last(name_or_arn: str) -> str:
    return name_or_arn.rpartition("/")[2]
