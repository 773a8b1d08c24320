# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether stable may take the canary's release, and whether it has it already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.deployment import has_taken
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.rules import Groups, Rule


def refuse_traffic(rules: Iterable[Rule], groups: Groups) -> None:
    """Raise `CanaryError` where a rule sends requests to stable, or none to the canary, with each rule's split."""
    splits = [(rule, split) for rule in rules if (split := rule.split(groups)) is not None]
    wrong = [(rule, split) for rule, split in splits if split.share != 1]
    if wrong:
        seen = "; ".join(f"{rule} is at {split}" for rule, split in wrong)
        raise CanaryError(
            f"The canary does not hold all traffic: {seen}. Nothing was changed. Shift to 100 percent first, or set "
            "require_full_traffic to false if stable may take the release while it serves.",
            rules=[{"rule_arn": rule.arn, **split.facts()} for rule, split in wrong],
        )


def refuse_without_tasks(stable: dict[str, Any]) -> None:
    """Raise `CanaryError` where stable is to run no task: its deployment would complete, and prove nothing."""
    if stable["desiredCount"] == 0:
        raise CanaryError(
            f"Stable service {stable['serviceName']} has a desired count of 0: its deployment would complete without a "
            "single task. Size it for the traffic that it is about to take, then promote.",
            service=stable["serviceArn"],
        )


def refuse_without_release(canary: dict[str, Any]) -> None:
    """Raise `CanaryError` where the canary has no task definition of its own (its task sets have them)."""
    if not canary.get("taskDefinition"):
        raise CanaryError(
            f"Canary service {canary['serviceName']} has no task definition: its releases are those of its task sets. "
            "Name a service with the deployment controller ECS.",
            service=canary["serviceArn"],
        )


def refuse_forgotten(stable: dict[str, Any], release: str | None) -> None:
    """Raise `CanaryError` where stable remembers no previous release."""
    if release is None:
        raise CanaryError(
            f"Stable service {stable['serviceName']} does not remember a release from before {stable['taskDefinition']}"
            ": it was not given that one by a promotion. Nothing was changed. Deploy the one that you want, by "
            "stable_image or as you usually do.",
            service=stable["serviceArn"],
        )


def refuse_deregistered(stable: dict[str, Any], task_definition: str, *, status: str | None) -> None:
    """Raise `CanaryError` for a task definition that UpdateService takes no longer.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deregister-task-definition-v2.html
    """
    if status == "INACTIVE":
        raise CanaryError(
            f"The release that stable service {stable['serviceName']} had before, {task_definition}, was deregistered, "
            "and ECS deploys it no longer. Nothing was changed. Register it again, and deploy it as you usually do.",
            service=stable["serviceArn"],
        )


def last_completed(service: dict[str, Any], task_definition: str) -> str:
    """The last release that a service has run: its own one, or the one that this is still replacing."""
    if has_taken(service, task_definition):
        return task_definition
    return being_replaced(service, task_definition) or task_definition


def being_replaced(service: dict[str, Any], task_definition: str) -> str | None:
    """The release that a service gives up while it takes another one, as long as a deployment shows it."""
    for deployment in service.get("deployments", []):
        release: str | None = deployment.get("taskDefinition")
        if release and release != task_definition and deployment.get("rolloutState") != "FAILED":
            return release
    return None
