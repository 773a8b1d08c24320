# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listener rules: which of them split between the two groups, what a shift makes of them, and what became of it.

Actions are kept in AWS's own shape throughout, because ModifyRule and ModifyListener replace the whole list: what is
not sent back is lost. https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyRule.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import target_group_name
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.split import Split, is_at

Action = dict[str, Any]


@dataclass(frozen=True)
class Groups:
    """The ARNs of the two target groups."""

    stable: str
    canary: str

    def __iter__(self) -> Iterator[str]:
        return iter((self.stable, self.canary))

    def __str__(self) -> str:
        return f"{target_group_name(self.stable)} (stable) and {target_group_name(self.canary)} (canary)"


@dataclass(frozen=True)
class Rule:
    """One listener rule as it was read. ``priority`` is None for the default rule."""

    arn: str
    listener_arn: str
    priority: int | None
    actions: tuple[Action, ...]

    @property
    def default(self) -> bool:
        """Whether it is the listener's default rule, which has no priority and goes through ModifyListener."""
        return self.priority is None

    @property
    def weights(self) -> dict[str, int]:
        """The weight of each target group that the rule forwards to, by ARN; empty for any other kind of rule."""
        forward = _forward(self.actions)
        return {group["TargetGroupArn"]: int(group.get("Weight", 1)) for group in _entries(forward)} if forward else {}

    @property
    def sticky_seconds(self) -> int:
        """How long a client keeps going to the group it met first, weights or not; 0 where stickiness is off."""
        config = _config(_forward(self.actions) or {}).get("TargetGroupStickinessConfig", {})
        return int(config.get("DurationSeconds", 0)) if config.get("Enabled") else 0

    def split(self, groups: Groups) -> Split | None:
        """The weights of both groups; None where the rule does not forward to both."""
        weights = self.weights
        if groups.stable not in weights or groups.canary not in weights:
            return None
        return Split(stable=weights[groups.stable], canary=weights[groups.canary])

    def __str__(self) -> str:
        return f"{'default rule' if self.default else f'rule {self.priority}'} ({self.arn})"


@dataclass(frozen=True)
class Change:
    """What a shift makes of one rule. Not ``changed`` means that the rule already is what was asked for."""

    rule: Rule
    before: Split
    after: Split
    sticky_before: int
    sticky_after: int
    actions: tuple[Action, ...]

    @property
    def changed(self) -> bool:
        """Whether the rule has to be written: another ratio, or its stickiness goes off."""
        return not self.before.same_as(self.after) or self.sticky_before != self.sticky_after

    def facts(self) -> dict[str, Any]:
        """The rule as a module returns it."""
        return {
            "rule_arn": self.rule.arn,
            "listener_arn": self.rule.listener_arn,
            "default": self.rule.default,
            "priority": self.rule.priority,
            "before": self.before.facts(),
            "after": self.after.facts(),
            "changed": self.changed,
        }


def pair_of(rules: Iterable[Rule], stables: Iterable[str], canaries: Iterable[str]) -> Groups | None:
    """The one pair that the rules forward to, out of all target groups of the two services; None where there is none.

    Raises `CanaryError` when several pairs are in use: only the user can say which is meant.
    """
    stables, canaries = set(stables), set(canaries)
    pairs = {
        (stable, canary)
        for rule in rules
        for stable in stables.intersection(rule.weights)
        for canary in canaries.intersection(rule.weights)
        if stable != canary
    }
    if len(pairs) > 1:
        named = "; ".join(str(Groups(*pair)) for pair in sorted(pairs))
        raise CanaryError(
            f"The services share rules through more than one pair of target groups: {named}. Name the pair with "
            "stable_target_group and canary_target_group, or the listener or rule with rules.",
            pairs=[{"stable": stable, "canary": canary} for stable, canary in sorted(pairs)],
        )
    return Groups(*pairs.pop()) if pairs else None


def loads(rule: Rule, stables: Iterable[str], canaries: Iterable[str]) -> bool:
    """Whether a rule shares its requests between both sides, by whichever of their groups, and sends the canary some.

    One that forwards to the canary alone, for people who try it, has no share that a flow could move. Nor has a group
    that both services are in.
    """
    weights, stables = rule.weights, set(stables)
    return not weights.keys().isdisjoint(stables) and any(weights.get(arn) for arn in set(canaries) - stables)


def matching(rules: Iterable[Rule], groups: Groups) -> list[Rule]:
    """The rules that forward to both groups, ordered by ARN, each once."""
    found = {rule.arn: rule for rule in rules if rule.split(groups) is not None}
    return [found[arn] for arn in sorted(found)]


def others(rule: Rule, groups: Groups) -> list[str]:
    """The ARNs of the target groups on the rule that are neither of the two."""
    return sorted(set(rule.weights) - set(groups))


def refuse_third_groups(rules: Iterable[Rule], groups: Groups) -> None:
    """Raise `CanaryError` where a rule forwards to a third group: a share of the pair is none of the whole then."""
    for rule in rules:
        refuse_third_group(str(rule), others(rule, groups), rule_arn=rule.arn)


def refuse_third_group(rule: str, third: list[str], *, rule_arn: str) -> None:
    """Raise `CanaryError` where there are ARNs of further target groups on a rule, ``rule`` in words."""
    if third:
        names = ", ".join(target_group_name(arn) for arn in third)
        raise CanaryError(
            f"{_capital(rule)} forwards to a third target group besides the two: {names}. Nothing was changed. "
            "Take it out of the rule, or name other rules with rules.",
            rule_arn=rule_arn,
            target_groups=third,
        )


def are_one(rules: Iterable[Rule], groups: Groups) -> bool:
    """Whether all rules split alike."""
    splits = [split for _rule, split in _splits(rules, groups)]
    return all(split.same_as(splits[0]) for split in splits)


def elsewhere(rules: Iterable[Rule], groups: Groups, percent: float, wanted: Split) -> list[tuple[Rule, Split]]:
    """The rules that are neither at ``percent`` nor at the split wanted, with their splits."""
    return [
        (rule, split)
        for rule, split in _splits(rules, groups)
        if not is_at(split, percent) and not split.same_as(wanted)
    ]


def refuse_elsewhere(rules: Iterable[Rule], groups: Groups, *, percent: float, wanted: Split) -> None:
    """Raise `CanaryError` where a rule is not at ``percent``, the condition of the write, nor at the split wanted."""
    if wrong := elsewhere(rules, groups, percent, wanted):
        seen = "; ".join(f"{rule} is at {split}" for rule, split in wrong)
        raise CanaryError(
            f"from_percent is {percent:g}, but {seen}. Nothing was changed. Look at who shifted it, then run again "
            "with the percent that it is at.",
            splits=[{"rule_arn": rule.arn, **split.facts()} for rule, split in wrong],
        )


def plan(rules: Iterable[Rule], groups: Groups, wanted: Split, *, stickiness_off: bool) -> list[Change]:
    """What the shift makes of each rule, in the order given; a rule that has the ratio already keeps its numbers."""
    return [_change(rule, split, groups, wanted, stickiness_off) for rule, split in _splits(rules, groups)]


def rising(changes: Iterable[Change], groups: Groups) -> list[str]:
    """The groups whose share grows on some rule: they are about to get traffic that they do not have yet."""
    shares = [(change.before.share, change.after.share) for change in changes]
    canary = any(after is not None and after > (before or 0) for before, after in shares)
    stable = any(after is not None and 1 - after > (0 if before is None else 1 - before) for before, after in shares)
    return [arn for arn, grows in ((groups.stable, stable), (groups.canary, canary)) if grows]


def lingering_seconds(changes: Iterable[Change]) -> int:
    """How long, in seconds, cookies may still send clients to a group that the shift leaves without weight."""
    return max(
        (change.sticky_after for change in changes if 0 in (change.after.stable, change.after.canary)), default=0
    )


def sendable(actions: Iterable[Action]) -> tuple[Action, ...]:
    """The actions as described, in the form that AWS takes back.

    A forward is described both as TargetGroupArn and as ForwardConfig; only the latter goes back. An OIDC action is
    described without its client secret: UseExistingClientSecret keeps the one that AWS has.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AuthenticateOidcActionConfig.html
    """
    return tuple(_sendable(action) for action in actions)


def is_now(change: Change, live: Rule | None, groups: Groups) -> bool:
    """Whether the rule that was read back is what the change made it."""
    split = None if live is None else live.split(groups)
    return (
        live is not None
        and split is not None
        and split.same_as(change.after)
        and live.sticky_seconds == change.sticky_after
        and not others(live, groups)
        and _ahead_of_forward(live.actions) == _ahead_of_forward(change.actions)
    )


def differs_in_split(change: Change, live: Rule | None, groups: Groups) -> bool:
    """Whether the rule that was read back is as before the change, but for the weights of the two groups at most."""
    split = None if live is None else live.split(groups)
    if live is None or split is None:
        return False
    before = [_with_split(action, groups, split, False) for action in sendable(change.rule.actions)]
    return _canonical(live.actions) == _canonical(before)


def is_still(change: Change, live: Rule | None) -> bool:
    """Whether the rule that was read back is exactly what it was before the change."""
    return live is not None and _canonical(live.actions) == _canonical(change.rule.actions)


def _ahead_of_forward(actions: Iterable[Action]) -> list[Action]:
    """The actions that come before the forward, as AWS takes them back: somebody may change a login meanwhile."""
    return [action for action in sendable(actions) if action["Type"] != "forward"]


def described(live: Rule | None, groups: Groups) -> str:
    """The state of a rule that was read back, in words."""
    if live is None:
        return "gone"
    split = live.split(groups)
    if split is None:
        return "no longer forwarding to both groups"
    third = others(live, groups)
    also = f", with a third group ({', '.join(map(target_group_name, third))})" if third else ""
    sticky = f", sticky for {live.sticky_seconds} s" if live.sticky_seconds else ""
    ahead = [action["Type"] for action in live.actions if action["Type"] != "forward"]
    login = f", after {' and '.join(ahead)}" if ahead else ""
    return f"at {split}{also}{sticky}{login}"


def _canonical(actions: Iterable[Action]) -> list[Action]:
    """The actions to compare: AWS does not keep the order of the target groups in a forward."""
    return [
        {**action, "ForwardConfig": {**_config(action), "TargetGroups": sorted(_entries(action), key=_arn)}}
        if action["Type"] == "forward"
        else action
        for action in sendable(actions)
    ]


def _arn(entry: dict[str, Any]) -> str:
    return str(entry["TargetGroupArn"])


def _splits(rules: Iterable[Rule], groups: Groups) -> list[tuple[Rule, Split]]:
    return [(rule, split) for rule in rules if (split := rule.split(groups)) is not None]


def _change(rule: Rule, before: Split, groups: Groups, wanted: Split, stickiness_off: bool) -> Change:
    after = before if before.same_as(wanted) else wanted
    return Change(
        rule=rule,
        before=before,
        after=after,
        sticky_before=rule.sticky_seconds,
        sticky_after=0 if stickiness_off else rule.sticky_seconds,
        actions=tuple(_with_split(action, groups, after, stickiness_off) for action in sendable(rule.actions)),
    )


def _with_split(action: Action, groups: Groups, split: Split, stickiness_off: bool) -> Action:
    """The action with these weights; whatever else it carries stays, and any action but a forward is itself."""
    if action["Type"] != "forward":
        return action
    weights = {groups.stable: split.stable, groups.canary: split.canary}
    entries = [
        {**entry, "Weight": weights.get(entry["TargetGroupArn"], entry.get("Weight", 1))} for entry in _entries(action)
    ]
    config = {**_config(action), "TargetGroups": entries}
    if stickiness_off and config.get("TargetGroupStickinessConfig", {}).get("Enabled"):
        config["TargetGroupStickinessConfig"] = {"Enabled": False}
    return {**action, "ForwardConfig": config}


def _sendable(action: Action) -> Action:
    if action["Type"] == "forward":
        config = {**_config(action), "TargetGroups": _entries(action)}
        return {**_without(action, "TargetGroupArn"), "ForwardConfig": config}
    if action["Type"] == "authenticate-oidc":
        oidc = _without(action["AuthenticateOidcConfig"], "ClientSecret")
        return {**action, "AuthenticateOidcConfig": {**oidc, "UseExistingClientSecret": True}}
    return action


def _forward(actions: Iterable[Action]) -> Action | None:
    """The forward action: a rule has at most one, and it comes last."""
    return next((action for action in actions if action["Type"] == "forward"), None)


def _config(forward: Action) -> dict[str, Any]:
    config: dict[str, Any] = forward.get("ForwardConfig", {})
    return config


def _entries(forward: Action) -> list[dict[str, Any]]:
    """The weighted groups of a forward, in one form: a single group may be described as TargetGroupArn alone."""
    entries: list[dict[str, Any]] = _config(forward).get("TargetGroups", [])
    if not entries and "TargetGroupArn" in forward:
        return [{"TargetGroupArn": forward["TargetGroupArn"]}]
    return entries


def _without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
