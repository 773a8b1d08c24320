#!/usr/bin/python
# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_canary_weights
short_description: Split the requests between a stable and a canary target group
version_added: "0.1.0"
author:
  - The canary.ecs authors (@canary-ecs)
description:
  - Sets the weights of two target groups on the listener rules of an Application Load Balancer, so that the canary
    gets a given share of the requests.
  - Finds every rule that forwards to both groups, default rules too, on every listener of their load balancers, and
    changes exactly those. O(rules) narrows this to named rules or listeners, each of which must forward to both groups
    or, for a listener, have a rule that does.
  - Everything else on a rule is sent back as it was, authentication actions and stickiness among it. A rule with a
    third target group in its forward action is refused, and a rule that does not forward to both is not touched.
  - Before a group gets a larger share, half of its registered targets, and at least one, must be healthy. The module
    waits for that, and fails with nothing changed when it takes too long. The share of a group without targets is
    answered with 503, and where all of its targets are unhealthy, these get it all the same.
  - Where the services are named, a canary whose share rises must also have half of the healthy targets that its new
    share needs, going by the tasks that have the requests now. Where ten stable tasks have all requests, half of these
    need five tasks, and a canary gets them with three or more. The way back to stable is not held up by this.
  - After the writes, every rule is read back. A rule that somebody else changed at the same time is an error that names
    both values; it is left as they made it.
  - The split is compared as a ratio, so that V(50/50) and V(500/500) are the same.
options:
  percent:
    description:
      - The canary's share of the pair in percent, from V(0) to V(100), in steps of V(0.1).
      - Written as weights that hold it exactly, for example V(75/25) for V(25), and V(199/1) for V(0.5).
      - One of O(percent) and O(weights) is required.
    type: float
  weights:
    description:
      - The weights themselves, each from V(0) to V(999), and not both V(0).
      - One of O(percent) and O(weights) is required.
    type: dict
    suboptions:
      stable:
        description: The weight of the stable target group.
        type: int
        required: true
        aliases: [primary]
      canary:
        description: The weight of the canary target group.
        type: int
        required: true
  from_percent:
    description:
      - Makes the shift conditional. It fails, with nothing changed, unless every rule is at this percent now, to the
        nearest V(0.1).
      - A rule that is already at the split asked for passes too, so that the same task can run twice.
    type: float
  stickiness:
    description:
      - V(preserve) leaves the target-group stickiness of each rule as it is.
      - V(disable) turns it off, so that clients stop returning to the group that they met first. It is refused while
        one of the target groups has stickiness of its own, which AWS does not allow. With O(on_partial_failure=go_on)
        the rules stay sticky then, with a warning.
    type: str
    choices: [preserve, disable]
    default: preserve
  on_partial_failure:
    description:
      - What becomes of the rules already changed when a later one cannot be written, or somebody else changes one.
      - V(put_back) puts them back. V(leave) leaves them as changed. V(go_on) leaves them too, and changes the others as
        well where one is refused, as the way back from a bad canary should.
      - With V(go_on) the shift begins anew, three times at most, where somebody else changes a rule at the same time.
      - Otherwise it is a failure in each case, and says where each rule is.
    type: str
    choices: [put_back, leave, go_on]
    default: put_back
  wait_timeout:
    description:
      - How long, in seconds, to wait for healthy targets before the module gives up.
      - In check mode the module does not wait, but warns.
    type: int
    default: 300
extends_documentation_fragment:
  - canary.ecs.groups
  - canary.ecs.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
seealso:
  - module: canary.ecs.ecs_canary_info
  - module: canary.ecs.ecs_service_capacity
  - module: canary.ecs.ecs_canary_promote
  - module: amazon.aws.elb_application_lb
  - name: Listener rules for your Application Load Balancer
    description: How AWS describes weighted target groups and stickiness.
    link: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html
"""

EXAMPLES = r"""
- name: Send a quarter of the requests to the canary
  canary.ecs.ecs_canary_weights:
    cluster: shop
    stable_service: cart-stable
    canary_service: cart-canary
    percent: 25

- name: Shift from 25 to 50 percent, unless somebody else has shifted since
  canary.ecs.ecs_canary_weights:
    cluster: shop
    stable_service: cart-stable
    canary_service: cart-canary
    from_percent: 25
    percent: 50

- name: Roll back on one rule alone, and let go of sticky clients
  canary.ecs.ecs_canary_weights:
    stable_target_group: cart-stable
    canary_target_group: cart-canary
    rules:
      - arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/50dc6c49/f2f7dc8e/9683b2d0
    percent: 0
    stickiness: disable

- name: Set the weights themselves
  canary.ecs.ecs_canary_weights:
    stable_target_group: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/cart-stable/73e2d6bc
    canary_target_group: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/cart-canary/09966783
    weights:
      stable: 95
      canary: 5
"""

RETURN = r"""
percent:
  description: The canary's share in percent after the shift, to three decimals. In check mode, what it would be.
  returned: success
  type: float
  sample: 25.0
rules:
  description: Every rule that forwards to both groups.
  returned: success, and failure of a write or of reading back
  type: list
  elements: dict
  contains:
    rule_arn:
      description: The rule.
      type: str
      sample: arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/50dc6c49/f2f7dc8e/9683b2d0
    listener_arn:
      description: The listener that the rule is of.
      type: str
      sample: arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c49/f2f7dc8e
    default:
      description: Whether it is the listener's default rule.
      type: bool
      sample: false
    priority:
      description: The priority of the rule, null for a default rule.
      type: int
      sample: 10
    before:
      description:
        - The split before. C(stable) and C(canary) are the weights, C(percent) is null where both are V(0).
      type: dict
      sample: {stable: 100, canary: 0, percent: 0.0}
    after:
      description: The split after, in the same form. A rule that has the ratio already keeps its weights.
      type: dict
      sample: {stable: 75, canary: 25, percent: 25.0}
    changed:
      description: Whether the rule had to be written.
      type: bool
      sample: true
    live:
      description: The split as last read, in the same form, null where it is not known.
      type: dict
      returned: failure
      sample: {stable: 100, canary: 0, percent: 0.0}
stable_target_group:
  description: The stable target group.
  returned: success
  type: dict
  contains:
    arn:
      description: The target group.
      type: str
      sample: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/cart-stable/73e2d6bc
    name:
      description: The name of the target group.
      type: str
      sample: cart-stable
    healthy: &healthy
      description: How many targets are healthy. Null unless the share of the group rises, as only then it is asked for.
      type: int
      sample: 2
    registered: &registered
      description: How many targets are registered, without those that drain. Null unless the share of the group rises.
      type: int
      sample: 2
canary_target_group:
  description: The canary target group.
  returned: success
  type: dict
  contains:
    arn:
      description: The target group.
      type: str
      sample: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/cart-canary/09966783
    name:
      description: The name of the target group.
      type: str
      sample: cart-canary
    healthy: *healthy
    registered: *registered
sticky_seconds:
  description:
    - How long, in seconds, a client may keep going to the group that it met first, whatever the weights, by its
      AWSALBTG cookie. The longest of all rules, as after the shift.
    - V(0) where stickiness is off.
  returned: success
  type: int
  sample: 0
log:
  description: What was done to which rule, in sentences.
  returned: success
  type: list
  elements: str
  sample:
    - "Target group cart-canary may take more traffic: 2 healthy."
    - "Shifted rule 10 (arn:aws:...) from 0 % canary (100/0) to 25 % canary (75/25)."
diff:
  description: The split and the stickiness of each rule before and after.
  returned: success
  type: dict
  sample:
    before: {rules: {"rule 10 (arn:aws:...)": {stable: 100, canary: 0, percent: 0.0, sticky_seconds: 0}}}
    after: {rules: {"rule 10 (arn:aws:...)": {stable: 75, canary: 25, percent: 25.0, sticky_seconds: 0}}}
"""

from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.elbv2 import (
    describe_target_group_attributes,
    rules_by_arn,
    target_states,
)
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import poll_until, read_for
from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import target_group_name
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError, OvertakenError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import refuse_negative
from ansible_collections.canary.ecs.plugins.module_utils._canary.health import Health, health_of, targets_for
from ansible_collections.canary.ecs.plugins.module_utils._canary.named_groups import named_by
from ansible_collections.canary.ecs.plugins.module_utils._canary.rules import (
    Change,
    Groups,
    Rule,
    are_one,
    elsewhere,
    is_still,
    lingering_seconds,
    plan,
    refuse_elsewhere,
    refuse_third_groups,
    rising,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.split import (
    Split,
    share_of_percent,
    split_of_percent,
    split_of_weights,
)
from ansible_collections.canary.ecs.plugins.module_utils._groups import (
    GROUP_OPTIONS,
    GROUPS_EXCLUSIVE,
    GROUPS_ONE_OF,
    GROUPS_TOGETHER,
    Found,
    find,
    require,
)
from ansible_collections.canary.ecs.plugins.module_utils._module import CanaryModule, run
from ansible_collections.canary.ecs.plugins.module_utils._shift import Elbv2Clients, write

# How long a shift that somebody else is in the middle of may take to end, and a reading to show the last write.
REST_SECONDS = 5.0
REST_INTERVAL = 0.5

# How often a shift that is to go on whatever happens is tried, where somebody else comes between each time.
RACES = 3

ARGUMENTS: dict[str, dict[str, Any]] = {
    **GROUP_OPTIONS,
    "percent": {"type": "float"},
    "weights": {
        "type": "dict",
        "options": {
            "stable": {"type": "int", "required": True, "aliases": ["primary"]},
            "canary": {"type": "int", "required": True},
        },
    },
    "from_percent": {"type": "float"},
    "stickiness": {"type": "str", "choices": ["preserve", "disable"], "default": "preserve"},
    "on_partial_failure": {"type": "str", "choices": ["put_back", "leave", "go_on"], "default": "put_back"},
    "wait_timeout": {"type": "int", "default": 300},
}


def shift(module: CanaryModule) -> dict[str, Any]:
    """Shift, and where the shift is to go on, again when somebody else came between: from what is then."""
    changed, more = False, RACES - 1 if module.params["on_partial_failure"] == "go_on" else 0
    while True:
        try:
            shown = shift_once(module)
        except OvertakenError as overtaken:
            changed = changed or bool(overtaken.facts.get("changed"))
            if not more:
                overtaken.facts["changed"] = changed
                raise
            more -= 1
        else:
            return {**shown, "changed": changed or shown["changed"]}


def shift_once(module: CanaryModule) -> dict[str, Any]:
    """Read, decide, wait for healthy targets, write, read back."""
    params = module.params
    wanted = wanted_split(params)
    elbv2 = module.client_of("elbv2")
    named = named_by(params, region=elbv2.meta.region_name)
    found = find(elbv2, module.client_of("ecs") if named.by_service else None, named)
    groups = require(elbv2, found)
    changes = decide(at_rest(module, elbv2, found.rules, groups, wanted), groups, wanted, params)
    changes = takeable(module, elbv2, changes, groups, wanted)
    health = ensure_healthy(module, elbv2, changes, groups, least=least_targets(found, changes, groups))
    if not module.check_mode:
        clients = Elbv2Clients(elbv2, module.client_of_one_attempt("elbv2"))
        conditional = params["from_percent"] is not None
        write(clients, changes, groups, on_failure=params["on_partial_failure"], conditional=conditional)
    warn_of_sticky_clients(module, changes)
    return result(changes, groups, health, check_mode=module.check_mode)


def wanted_split(params: dict[str, Any]) -> Split:
    """The split that the options ask for; raises `CanaryError` for numbers that cannot be."""
    refuse_negative(params["wait_timeout"], "wait_timeout")
    if params["from_percent"] is not None:
        share_of_percent(params["from_percent"], option="from_percent")
    if params["weights"] is not None:
        return split_of_weights(params["weights"]["stable"], params["weights"]["canary"])
    return split_of_percent(params["percent"])


def at_rest(module: CanaryModule, elbv2: Any, rules: list[Rule], groups: Groups, wanted: Split) -> list[Rule]:
    """The rules, read again for a while where they differ or are not at from_percent.

    Somebody else may be in the middle of a shift, or a reading behind the last write. The way back waits for neither.
    """
    percent = module.params["from_percent"]

    def calm(rules: list[Rule]) -> bool:
        return are_one(rules, groups) and (percent is None or not elsewhere(rules, groups, percent, wanted))

    if calm(rules) or module.check_mode or module.params["on_partial_failure"] == "go_on":
        return rules
    arns = [rule.arn for rule in rules]
    return read_for(lambda: rules_by_arn(elbv2, arns), calm, timeout=REST_SECONDS, interval=REST_INTERVAL)


def decide(rules: list[Rule], groups: Groups, wanted: Split, params: dict[str, Any]) -> list[Change]:
    """What the shift makes of each rule; raises `CanaryError` where it must not touch one."""
    refuse_third_groups(rules, groups)
    if params["from_percent"] is not None:
        refuse_elsewhere(rules, groups, percent=params["from_percent"], wanted=wanted)
    return plan(rules, groups, wanted, stickiness_off=params["stickiness"] == "disable")


def takeable(module: CanaryModule, elbv2: Any, changes: list[Change], groups: Groups, wanted: Split) -> list[Change]:
    """The changes, as AWS takes them where stickiness is to go off: the way back goes on without that, if need be."""
    try:
        refuse_sticky_groups(elbv2, changes, groups)
    except CanaryError as error:
        if module.params["on_partial_failure"] != "go_on":
            raise
        module.warn(f"The rules stay sticky. {error}")
        return plan([change.rule for change in changes], groups, wanted, stickiness_off=False)
    return changes


def refuse_sticky_groups(elbv2: Any, changes: list[Change], groups: Groups) -> None:
    """Refuse to turn off stickiness on a rule whose target groups have stickiness themselves, as AWS would half-way.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
    """
    if not any(change.sticky_before and not change.sticky_after for change in changes):
        return
    for arn in groups:
        if describe_target_group_attributes(elbv2, arn).get("stickiness.enabled") == "true":
            raise CanaryError(
                f"stickiness is disable, but target group {target_group_name(arn)} has stickiness on itself, and AWS "
                "keeps a rule sticky then. Turn the attribute stickiness.enabled of the target group off first.",
                target_group=arn,
            )


def least_targets(found: Found, changes: list[Change], groups: Groups) -> dict[str, int]:
    """The healthy targets that a canary needs for the share that it is about to get, by its group's ARN.

    Known where the services were named, and the rules agree. The way back asks for no more than half of what is
    registered: stable takes what it can, where the canary is bad.
    """
    shares = {(change.before.share, change.after.share) for change in changes}
    (before, after), *others = shares or {(None, None)}
    if others or before is None or after is None or after <= before or found.services is None:
        return {}
    stable, canary = (int(service.get("runningCount", 0)) for service in found.services)
    return {groups.canary: targets_for(after, before=before, stable=stable, canary=canary)}


def ensure_healthy(
    module: CanaryModule, elbv2: Any, changes: list[Change], groups: Groups, *, least: dict[str, int]
) -> dict[str, Health]:
    """The health of each group that is about to get more, by ARN, once it has enough healthy targets.

    Raises `CanaryError` when that takes longer than wait_timeout, and when the rules changed while it waited. In check
    mode it only warns: what a run before this one would start is not there.
    """
    groups_rising = rising(changes, groups)
    health = {arn: health_of(target_states(elbv2, arn), least=least.get(arn, 1)) for arn in groups_rising}
    short = [arn for arn in groups_rising if not health[arn].enough]
    if not short:
        return health
    if module.check_mode:
        for arn in short:
            module.warn(f"{_short(arn, health[arn])} The shift would wait for that.")
        return health
    timeout = module.params["wait_timeout"]
    for arn in short:
        health[arn] = _wait_healthy(elbv2, arn, timeout, least=least.get(arn, 1))
    _refuse_moved(changes, rules_by_arn(elbv2, [change.rule.arn for change in changes]))
    return health


def _wait_healthy(elbv2: Any, target_group: str, timeout: int, *, least: int) -> Health:
    return poll_until(
        lambda: health_of(target_states(elbv2, target_group), least=least),
        lambda health: health.enough,
        timeout=timeout,
        gave_up=lambda health: CanaryError(
            f"{_short(target_group, health)} Waited {timeout} s for that; nothing was changed.{health.hint}",
            target_group={"arn": target_group, **health.facts()},
        ),
        waiting=lambda health: (
            f"{target_group_name(target_group)}: {health.healthy} of {health.needed} targets healthy ({health})"
        ),
    )


def _short(target_group: str, health: Health) -> str:
    """The sentence for a group that may not take more traffic yet."""
    return (
        f"Target group {target_group_name(target_group)} has {health.healthy} healthy targets, and needs "
        f"{health.needed} before its share rises ({health})."
    )


def _refuse_moved(changes: list[Change], rules: list[Rule]) -> None:
    """Refuse to write over what changed while waiting: the decision was made for what was there before."""
    live = {rule.arn: rule for rule in rules}
    for change in changes:
        if not is_still(change, live.get(change.rule.arn)):
            raise OvertakenError(
                f"Somebody else changed {change.rule} while this shift waited for healthy targets. Its actions are no "
                f"longer those of {change.before}. Nothing was changed; run again.",
                rule_arn=change.rule.arn,
            )


def warn_of_sticky_clients(module: CanaryModule, changes: list[Change]) -> None:
    """Say how long cookies can still hold clients on a group that the shift leaves without weight."""
    seconds = lingering_seconds(change for change in changes if change.changed)
    if seconds:
        module.warn(
            f"Stickiness is on: for up to {seconds} s clients that have met the group without weight may still go "
            "there. Keep its tasks for as long, or shift with stickiness=disable."
        )


def result(changes: list[Change], groups: Groups, health: dict[str, Health], *, check_mode: bool) -> dict[str, Any]:
    """What the module returns."""
    return {
        "changed": any(change.changed for change in changes),
        "percent": changes[0].after.percent,
        "rules": [change.facts() for change in changes],
        "stable_target_group": _group(groups.stable, health),
        "canary_target_group": _group(groups.canary, health),
        "sticky_seconds": max(change.sticky_after for change in changes),
        "log": _log(changes, health, check_mode=check_mode),
        "diff": {
            "before": {
                "rules": {
                    str(each.rule): {**each.before.facts(), "sticky_seconds": each.sticky_before} for each in changes
                }
            },
            "after": {
                "rules": {
                    str(each.rule): {**each.after.facts(), "sticky_seconds": each.sticky_after} for each in changes
                }
            },
        },
    }


def _group(arn: str, health: dict[str, Health]) -> dict[str, Any]:
    counts = health[arn].facts() if arn in health else {"healthy": None, "registered": None}
    return {"arn": arn, "name": target_group_name(arn), **counts}


def _log(changes: list[Change], health: dict[str, Health], *, check_mode: bool) -> list[str]:
    """One sentence for each group that was looked at, and for each rule."""
    lines = [
        f"Target group {target_group_name(arn)} may take more traffic: {counts}."
        for arn, counts in health.items()
        if counts.enough
    ]
    return lines + [_sentence(change, check_mode=check_mode) for change in changes]


def _sentence(change: Change, *, check_mode: bool) -> str:
    if not change.changed:
        return f"Left {change.rule} as it was: {change.before}."
    verb = "Would shift" if check_mode else "Shifted"
    unstuck = ", stickiness off" if change.sticky_before and not change.sticky_after else ""
    return f"{verb} {change.rule} from {change.before} to {change.after}{unstuck}."


def main() -> None:
    module = CanaryModule(
        ARGUMENTS,
        mutually_exclusive=[("percent", "weights"), *GROUPS_EXCLUSIVE],
        required_one_of=[("percent", "weights"), *GROUPS_ONE_OF],
        required_together=GROUPS_TOGETHER,
    )
    run(module, shift)


if __name__ == "__main__":
    main()
