# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The groups that a module's options name, those of two services or two target groups, and the rules to look at.

What cannot be is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import (
    is_application,
    kind_of,
    partition_of,
    partition_of_region,
    region_of,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import refuse_blank


@dataclass(frozen=True)
class Named:
    """The groups as the user named them: by cluster and services, or by target groups (ARNs or exact names)."""

    cluster: str | None = None
    stable_service: str | None = None
    canary_service: str | None = None
    stable_target_group: str | None = None
    canary_target_group: str | None = None
    rules: tuple[str, ...] = ()

    @property
    def by_service(self) -> bool:
        """Whether the groups are those of two services."""
        return self.stable_service is not None

    @property
    def rule_arns(self) -> list[str]:
        """The rules among ``rules``, each once."""
        return [arn for arn in dict.fromkeys(self.rules) if kind_of(arn) == "listener-rule"]

    @property
    def listener_arns(self) -> list[str]:
        """The listeners among ``rules``, each once."""
        return [arn for arn in dict.fromkeys(self.rules) if kind_of(arn) == "listener"]


def named_by(params: dict[str, Any], *, region: str) -> Named:
    """The groups that a module's options name; raises `CanaryError` for what no account could have.

    ``region`` is where the calls go: an ARN of another region would only be reported as not found.
    """
    if not region:
        raise CanaryError("No region is set. Give region, or set AWS_REGION.")
    if params.get("rules") is not None and not params["rules"]:
        raise CanaryError("rules is empty: name a listener or a rule, or leave it out to look at all of them.")
    fields = {name: params.get(name) for name in Named.__dataclass_fields__ if name != "rules"}
    named = Named(**fields, rules=tuple(params.get("rules") or ()))
    _refuse_empty(named)
    _refuse_same(named)
    _refuse_foreign(named, region)
    return named


def _refuse_empty(named: Named) -> None:
    """Refuse an empty name, and the null that Ansible lets pass as given."""
    by_service = ("cluster", "stable_service", "canary_service")
    refuse_blank(vars(named), *(by_service if named.by_service else ("stable_target_group", "canary_target_group")))


def refuse_same_service(stable: str | None, canary: str | None, *, name: str | None) -> None:
    """Raise `CanaryError` where both, by name or by ARN, are one service; ``name`` is what the error calls it."""
    if stable == canary:
        raise CanaryError(f"stable_service and canary_service are both {name}. A canary is a service of its own.")


def _refuse_same(named: Named) -> None:
    if named.by_service:
        refuse_same_service(named.stable_service, named.canary_service, name=named.stable_service)
    if named.stable_target_group is not None and named.stable_target_group == named.canary_target_group:
        raise CanaryError(
            f"stable_target_group and canary_target_group are both {named.stable_target_group}. "
            "A canary has a target group of its own."
        )


def _refuse_foreign(named: Named, region: str) -> None:
    """Refuse what is not the kind of ARN that the option takes, and ARNs of another region."""
    for option in ("stable_target_group", "canary_target_group"):
        value = getattr(named, option)
        if value is not None and value.startswith("arn:"):
            _refuse_arn(option, value, kinds=("targetgroup",), region=region)
    for arn in named.rules:
        _refuse_arn("rules", arn, kinds=("listener", "listener-rule"), region=region)
        if not is_application(arn):
            raise CanaryError(f"rules has {arn}: it is not of an Application Load Balancer.")


def _refuse_arn(option: str, arn: str, *, kinds: tuple[str, ...], region: str) -> None:
    if kind_of(arn) not in kinds:
        wanted = " or ".join(kinds)
        raise CanaryError(f"{option} has {arn!r}: it is not the ARN of a {wanted}.")
    if partition_of(arn) != partition_of_region(region):
        raise CanaryError(
            f"{option} has {arn}, in partition {partition_of(arn)}, but region {region} is in partition "
            f"{partition_of_region(region)}. Give the ARN as AWS shows it there."
        )
    if region_of(arn) != region:
        raise CanaryError(
            f"{option} has {arn}, in region {region_of(arn)}, but the calls go to region {region}. "
            "Set region to that of the load balancer."
        )
