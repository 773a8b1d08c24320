# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies of docs/policies: from the actions that a playbook uses to the document, and back.

What is in capitals in a policy is for its user to fill in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.checkout import CHECKOUT

FOLDER = CHECKOUT / "docs" / "policies"
PLAYBOOKS = ("deploy", "canary", "rollback", "promote", "status", "destroy")
ARN = "arn:aws:{service}:REGION:ACCOUNT:{resource}"


def arn(service: str, resource: str) -> str:
    """An ARN with what its user fills in."""
    return ARN.format(service=service, resource=resource)


SERVICES = [arn("ecs", f"service/CLUSTER/{side}_SERVICE") for side in ("STABLE", "CANARY")]
STACK = [arn("cloudformation", "stack/STACK/*")]
CLUSTER = {"ArnEquals": {"ecs:cluster": arn("ecs", "cluster/CLUSTER")}}
ECS_TARGETS = {"StringEquals": {"application-autoscaling:service-namespace": "ecs"}}
STABLE_RELEASES = [arn("ecs", "task-definition/STABLE_FAMILY:*")]
ON_REGISTERING = {"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}}
TASKS_ROLE = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}


@dataclass(frozen=True)
class Scope:
    """What some actions are allowed on, and the name of the statement that says so."""

    sid: str
    actions: tuple[str, ...]
    resources: list[str] = field(default_factory=lambda: ["*"])
    condition: Mapping[str, Any] = field(default_factory=dict)
    beside: str = ""
    """An action without which the statement is of no use."""

    def statement(self, used: Iterable[str]) -> dict[str, Any]:
        """The statement that allows those of its actions that are used."""
        made: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": sorted(set(used) & set(self.actions)),
            "Resource": self.resources if len(self.resources) > 1 else self.resources[0],
        }
        return {**made, "Condition": dict(self.condition)} if self.condition else made


# As narrow as AWS lets each action be. Its descriptions are allowed on everything or on nothing.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
SCOPES = (
    Scope(
        "Look",
        (
            "application-autoscaling:DescribeScalableTargets",
            "ecs:DescribeTaskDefinition",
            "ecs:ListTaskDefinitions",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ),
    ),
    Scope(
        "Services",
        ("ecs:DescribeServices", "ecs:TagResource", "ecs:UntagResource", "ecs:UpdateService"),
        SERVICES,
    ),
    Scope("StoppedTasks", ("ecs:ListTasks",), condition=CLUSTER),
    Scope("WhyTheyStopped", ("ecs:DescribeTasks",), [arn("ecs", "task/CLUSTER/*")]),
    Scope(
        "Rules",
        ("elasticloadbalancing:ModifyRule",),
        [arn("elasticloadbalancing", "listener-rule/app/LOAD_BALANCER/*")],
    ),
    Scope(
        "DefaultRules",
        ("elasticloadbalancing:ModifyListener",),
        [arn("elasticloadbalancing", "listener/app/LOAD_BALANCER/*")],
    ),
    Scope(
        "Bounds",
        ("application-autoscaling:RegisterScalableTarget",),
        [arn("application-autoscaling", "scalable-target/*")],
        ECS_TARGETS,
    ),
    Scope("Releases", ("ecs:RegisterTaskDefinition",), STABLE_RELEASES),
    Scope("TagsOfReleases", ("ecs:TagResource",), STABLE_RELEASES, ON_REGISTERING, beside="ecs:RegisterTaskDefinition"),
    Scope("RolesOfTasks", ("iam:PassRole",), ["arn:aws:iam::ACCOUNT:role/TASK_ROLES"], TASKS_ROLE),
    Scope(
        "Stack",
        (
            "cloudformation:CreateChangeSet",
            "cloudformation:CreateStack",
            "cloudformation:DeleteChangeSet",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
            "cloudformation:GetTemplate",
            "cloudformation:ListChangeSets",
            "cloudformation:ListStackResources",
            "cloudformation:UpdateStack",
        ),
        STACK,
    ),
)


def rendered(used: Iterable[str]) -> dict[str, Any]:
    """The policy that allows these actions. Raises ValueError for one that has no scope yet."""
    used = set(used)
    unknown = used - {action for scope in SCOPES for action in scope.actions}
    if unknown:
        raise ValueError(f"tests/permissions/policies.py has no scope for {', '.join(sorted(unknown))}")
    scopes = [scope for scope in SCOPES if used & set(scope.actions) and (not scope.beside or scope.beside in used)]
    statements = [scope.statement(used) for scope in scopes]
    return {"Version": "2012-10-17", "Statement": statements}


def as_text(document: Mapping[str, Any]) -> str:
    """A policy as it stands in its file."""
    return json.dumps(document, indent=2) + "\n"


def policy(playbook: str) -> dict[str, Any]:
    """The policy of a playbook, as its file has it."""
    document: dict[str, Any] = json.loads((FOLDER / f"{playbook}.json").read_text(encoding="utf-8"))
    return document


def actions_of(document: Mapping[str, Any]) -> set[str]:
    """Every action that a policy allows."""
    return {action for statement in document["Statement"] for action in statement["Action"]}


def without(document: Mapping[str, Any], action: str) -> dict[str, Any]:
    """The policy without one action."""
    return rendered(actions_of(document) - {action})


def filled(document: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The policy with its capitals filled in, the longest first, as JSON."""
    text = json.dumps(document)
    for word in sorted(names, key=len, reverse=True):
        text = text.replace(word, names[word])
    return text
