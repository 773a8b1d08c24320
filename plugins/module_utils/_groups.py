# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the two target groups, and the listener rules that split between them.

Read only. The modules share it, so that a shift, a promotion and a status see the same rules.
"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws import ecs as aws_ecs
from ansible_collections.canary.ecs.plugins.module_utils._aws import elbv2 as aws_elbv2
from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import is_application
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.named_groups import Named, refuse_same_service
from ansible_collections.canary.ecs.plugins.module_utils._canary.rules import Groups, Rule, loads, matching, pair_of

GROUP_OPTIONS: dict[str, dict[str, Any]] = {
    "cluster": {"type": "str"},
    "stable_service": {"type": "str", "aliases": ["primary_service"]},
    "canary_service": {"type": "str"},
    "stable_target_group": {"type": "str", "aliases": ["primary_target_group"]},
    "canary_target_group": {"type": "str"},
    "rules": {"type": "list", "elements": "str"},
}
GROUPS_TOGETHER = [
    ("cluster", "stable_service", "canary_service"),
    ("stable_target_group", "canary_target_group"),
]
GROUPS_ONE_OF = [("stable_service", "stable_target_group")]
GROUPS_EXCLUSIVE = [("stable_service", "stable_target_group")]


@dataclass(frozen=True)
class Found:
    """What is there. ``groups`` is None, and ``rules`` empty, where no rule forwards to a pair of both sides."""

    groups: Groups | None
    rules: list[Rule]
    stables: list[str]
    canaries: list[str]
    searched: str
    services: tuple[dict[str, Any], dict[str, Any]] | None = None
    listeners: dict[str, dict[str, Any]] = field(default_factory=dict)
    unnamed: list[Rule] = field(default_factory=list)


def find(elbv2: Any, ecs: Any, named: Named, *, tags: bool = False, unnamed: bool = False) -> Found:
    """The pair of target groups in use, and every rule, default ones too, that forwards to both.

    ``ecs`` is only called where services are named; their tags are only read if asked for. Raises `CanaryError` for
    what does not exist or is ambiguous, and for a rule that is named beside those of the pair, but not for a pair
    without rules: `require` does. Where rules are named, ``unnamed`` looks for the others too that share requests
    between both sides and send the canary some.
    """
    services = _services(ecs, named, tags=tags) if named.by_service else None
    stables, canaries, described = _candidates(elbv2, named, services)
    listeners: dict[str, dict[str, Any]] = {}
    others: list[Rule] = []
    if named.rules:
        rules = _named_rules(elbv2, named)
        searched = f"{_counted(rules, 'rule')}, of {', '.join(named.rules)}"
        if unnamed:
            asked = {rule.arn for rule in rules}
            every = _every_rule(elbv2, described, stables, canaries)
            others = [rule for rule in every.rules if rule.arn not in asked and loads(rule, stables, canaries)]
    else:
        every = _every_rule(elbv2, described, stables, canaries)
        rules, listeners, searched = every.rules, every.listeners, every.searched
    groups = pair_of(rules, stables, canaries)
    pairs = matching(rules, groups) if groups else []
    if groups:
        _refuse_missed(named, pairs, groups)
    return Found(
        groups=groups,
        rules=pairs,
        stables=stables,
        canaries=canaries,
        searched=searched,
        services=services,
        listeners=listeners,
        unnamed=others,
    )


@dataclass(frozen=True)
class _Every:
    """Every rule of the load balancers that both sides share."""

    rules: list[Rule]
    listeners: dict[str, dict[str, Any]]
    searched: str


def _every_rule(elbv2: Any, described: list[dict[str, Any]], stables: list[str], canaries: list[str]) -> _Every:
    """Read them; ``described`` are the target groups, where they have been read."""
    described = described or aws_elbv2.describe_target_groups(elbv2, arns=dict.fromkeys([*stables, *canaries]))
    balancers = _shared_load_balancers(described, stables, canaries)
    listeners = {each["ListenerArn"]: each for arn in balancers for each in aws_elbv2.describe_listeners(elbv2, arn)}
    rules = [rule for arn in listeners for rule in aws_elbv2.rules_of_listener(elbv2, arn)]
    return _Every(rules, listeners, _searched(rules, listeners, balancers))


def require(elbv2: Any, found: Found) -> Groups:
    """The pair, where rules forward to it; raises `CanaryError` that says what was searched, and what stands out."""
    if found.groups is None:
        raise CanaryError(no_rules(elbv2, found), searched=found.searched)
    return found.groups


def _refuse_missed(named: Named, rules: list[Rule], groups: Groups) -> None:
    """Raise `CanaryError` for a rule or listener that the user named, and that does not forward to the pair."""
    hit = {rule.arn for rule in rules} | {rule.listener_arn for rule in rules}
    for arn in named.rules:
        if arn not in hit:
            raise CanaryError(
                f"rules has {arn}, but nothing there forwards to both {groups}. Nothing was changed. "
                "Take it out of rules, or add both target groups to its forward action.",
                rule_arn=arn,
            )


def _services(ecs: Any, named: Named, *, tags: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both services as ECS describes them."""
    stable, canary = aws_ecs.describe_services(
        ecs, str(named.cluster), [str(named.stable_service), str(named.canary_service)], tags=tags
    )
    refuse_same_service(stable["serviceArn"], canary["serviceArn"], name=stable["serviceName"])
    return stable, canary


def _candidates(
    elbv2: Any, named: Named, services: tuple[dict[str, Any], dict[str, Any]] | None
) -> tuple[list[str], list[str], list[dict[str, Any]]]:
    """The target groups of each side by ARN, and their descriptions where they had to be read to learn the ARNs."""
    if services:
        stables, canaries = map(target_groups_of, services)
        _refuse_same(stables, canaries)
        return stables, canaries, []
    sides = [str(named.stable_target_group), str(named.canary_target_group)]
    names = [side for side in sides if not side.startswith("arn:")]
    if not names:
        return [sides[0]], [sides[1]], []
    arns = [side for side in sides if side not in names]
    described = aws_elbv2.describe_target_groups(elbv2, arns=arns, names=names)
    stable, canary = (_arn_among(described, side) for side in sides)
    _refuse_same([stable], [canary])
    return [stable], [canary], described


def _arn_among(described: list[dict[str, Any]], side: str) -> str:
    """The ARN of the target group with exactly this name or ARN."""
    for each in described:
        if side in (each["TargetGroupName"], each["TargetGroupArn"]):
            return str(each["TargetGroupArn"])
    raise CanaryError(f"Target group {side} does not exist. Check its name and the region.")


def _refuse_same(stables: list[str], canaries: list[str]) -> None:
    """A canary behind the stable side's own target group would get its share by task counts, and no weight moves it."""
    if stables and set(stables) == set(canaries):
        raise CanaryError(
            f"Stable and canary have the same target group, {', '.join(stables)}. A canary has one of its own."
        )


def target_groups_of(service: dict[str, Any]) -> list[str]:
    """The ARNs of the target groups that a service registers its tasks with: it may have several, or none."""
    arns = [balancer.get("targetGroupArn") for balancer in service.get("loadBalancers", [])]
    return [arn for arn in dict.fromkeys(arns) if arn]


def _named_rules(elbv2: Any, named: Named) -> list[Rule]:
    """The rules that ``rules`` names, one by one or by listener."""
    rules = aws_elbv2.rules_by_arn(elbv2, named.rule_arns)
    for listener in named.listener_arns:
        rules += aws_elbv2.rules_of_listener(elbv2, listener)
    return rules


def _shared_load_balancers(described: list[dict[str, Any]], stables: list[str], canaries: list[str]) -> list[str]:
    """The Application Load Balancers that have groups of both sides: only there can a rule forward to both.

    A service may be behind others as well, whose listeners have no rules to ask for.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/register-multiple-targetgroups.html
    """
    sides = [
        {arn for each in described if each["TargetGroupArn"] in side for arn in each.get("LoadBalancerArns", [])}
        for side in (stables, canaries)
    ]
    return sorted(filter(is_application, sides[0] & sides[1]))


def _searched(rules: list[Rule], listeners: dict[str, dict[str, Any]], balancers: list[str]) -> str:
    where = ", ".join(balancers) or "no load balancer, because none has both groups"
    return f"{_counted(rules, 'rule')} of {_counted(listeners, 'listener')} on {where}"


def _counted(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def no_rules(elbv2: Any, found: Found) -> str:
    """Why no rule was found, with one more look at the groups: one in no rule is another matter than a wrong name."""
    for side, arns in (("stable", found.stables), ("canary", found.canaries)):
        if not arns:
            return f"The {side} service has no target group. Give it a load balancer, or name another service."
    both = [*found.stables, *found.canaries]
    message = (
        f"No listener rule forwards to both sides, {' and '.join(both)}. Searched {found.searched}. Add both to the "
        "forward action of a rule, that of the canary with weight 0, or look at what you named."
    )
    unused = [
        each["TargetGroupArn"]
        for each in aws_elbv2.describe_target_groups(elbv2, arns=dict.fromkeys(both))
        if not each.get("LoadBalancerArns")
    ]
    if unused:
        message += (
            f" In no rule at all: {', '.join(unused)}. The targets of such a group stay unused, and are never"
            " health-checked."
        )
    return message
