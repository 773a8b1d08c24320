# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flows: in what order a shift, a rollback and a promotion change what, decided from what is.

Two rules run through all of them. Who is about to take more is sized for it first; who takes less keeps its tasks
until the traffic has left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.capacity import Capacity, Wanted
from ansible_collections.canary.ecs.plugins.module_utils._canary.deployment import (
    DAEMON,
    refuse_between_releases,
    refuse_daemon,
    refuse_undeployable,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import whole
from ansible_collections.canary.ecs.plugins.module_utils._canary.release import refuse_unlike_containers
from ansible_collections.canary.ecs.plugins.module_utils._canary.rules import refuse_third_group
from ansible_collections.canary.ecs.plugins.module_utils._canary.sizing import (
    Pair,
    as_options,
    at_least_as,
    canary_for,
    capacity_of,
    parked,
    stable_for,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.status import has_release_of_canary, is_rolling
from ansible_collections.canary.ecs.plugins.module_utils._canary.steps import Target, guarded, steps_to, target_of

# The part of the tasks that the whole load needs with which stable takes it at once.
ENOUGH = Fraction(4, 5)

Info = Mapping[str, Any]
Plan = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How large the canary is at least while it takes traffic, and at rest, as far as a flow needs it; and stickiness.

    Every flow needs both counts, for a canary of no more tasks says nothing of the load. They are made of the role's
    variables, numbers or strings.
    """

    least: Wanted
    rest: Wanted
    stickiness: str = "preserve"

    @classmethod
    def to_shift(cls, options: Mapping[str, Any]) -> Settings:
        """Of a flow that sizes the canary for a share."""
        least = _whole(options, "least_desired")
        return cls(
            least=Wanted(least, min=least, max=_whole(options, "least_max")),
            rest=Wanted(_whole(options, "park_desired")),
            stickiness=options["stickiness"],
        )

    @classmethod
    def to_park(cls, options: Mapping[str, Any]) -> Settings:
        """Of a flow that parks the canary."""
        return cls(
            least=Wanted(_whole(options, "least_desired")),
            rest=Wanted(*(_whole(options, f"park_{name}") for name in ("desired", "min", "max"))),
            stickiness=options["stickiness"],
        )


def _refuse_unordered(rest: Wanted) -> None:
    """Raise `CanaryError` for a size at rest that no scalable target could have, before anything has changed."""
    low, desired, high = rest.min, rest.desired, rest.max
    if low is not None and desired is not None and high is not None and not low <= desired <= high:
        raise CanaryError(
            f"park_min is {low}, park_desired {desired} and park_max {high}: the desired count lies between the other "
            "two. Nothing was changed."
        )


def _in_order(rest: Wanted) -> Wanted:
    """The same count at rest, with bounds that hold it."""
    if rest.desired is None:
        return rest
    low = None if rest.min is None else min(rest.min, rest.desired)
    high = None if rest.max is None else max(rest.max, rest.desired)
    return Wanted(rest.desired, low, high)


def _whole(options: Mapping[str, Any], name: str) -> int | None:
    return whole(options[name], name)


def plan_shift(info: Info, settings: Settings, target: Target, *, step: Any = None) -> Plan:
    """How to bring the canary's share to ``target``.

    ``canary_ahead`` and ``stable_ahead`` are sized ahead of the traffic, ``canary_after`` once it has moved. At 0 %
    the canary keeps its capacity: parking is what a rollback and a promotion do. ``holds``: stable is held at its size
    until the traffic is back, or by a run that was cut off. ``lets_go``: it is let go at the end, as it also is where
    that run had only begun to. ``counts`` are the tasks that both have until then, unless somebody else changes them
    (`size_after`).
    """
    pair = _pair(info, settings)
    _refuse_daemons(info)
    wanted = canary_for(pair, target.percent, at_least=settings.least)
    rising, falling = _rises(pair, target, wanted), target.share < pair.share
    shrinks = target.share and (falling or (target.share == pair.share and not rising and _oversized(pair, wanted)))
    steps = guarded(steps_to(target, live=_percents(info), step=step), live=_percents(info))
    in_steps = len(steps) > 1
    stable_ahead = _growing(pair, 1 - target.share, held=in_steps or _is_held(info)) if falling else {}
    return {
        "percent": target.percent,
        "counts": {"stable": stable_ahead.get("desired", pair.stable.desired), "canary": pair.canary.desired},
        "stable_ahead": stable_ahead,
        "canary_ahead": as_options(at_least_as(pair.canary, wanted)) if rising else {},
        "steps": steps,
        "holds": _holds(info, stable_ahead),
        "lets_go": _holds(info, stable_ahead) or _is_held(info),
        **_settling(info, _unless_so(pair, wanted) if shrinks else {}, stuck=_stuck(info, settings, target.percent)),
    }


def _holds(info: Info, stable_ahead: Mapping[str, int]) -> bool:
    """Whether stable is to be at a min that is not its own, or is so already, from a run that was cut off."""
    live = info["stable"].get("min")
    own = info["stable"].get("held_from") if _is_held(info) else live
    return bool(stable_ahead.get("min", live) != own)


def _is_held(info: Info) -> bool:
    """Whether a run that was cut off had begun to hold stable."""
    return info["stable"].get("held_from") is not None


def size_after(info: Info, plan: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, int]:
    """The canary's size once the traffic has moved, from a reading of now: a shift in steps may have taken hours.

    It is what ``plan`` has, and more where either service has grown beyond the plan meanwhile, for the load has then.
    """
    after, counts = dict(plan["canary_after"]), plan.get("counts")
    if not counts or not any(info[name]["desired"] > count for name, count in counts.items()):
        return after
    settings = Settings.to_shift(options)
    now = as_options(canary_for(_pair(info, settings), plan["percent"], at_least=settings.least))
    return {name: max(value, now.get(name, value)) for name, value in after.items()}


def _growing(pair: Pair, share: Fraction, *, held: bool) -> dict[str, int]:
    """What stable needs before a share comes back to it; nothing where it is large enough and need not be ``held``."""
    needed = stable_for(pair, share)
    return _held_up(pair, needed) if held or needed > pair.stable.desired else {}


def _rises(pair: Pair, target: Target, wanted: Wanted) -> bool:
    """Whether the canary is to be sized before: it takes more, or as much as now with too few tasks for it."""
    if target.share == pair.share:
        return target.share > 0 and pair.canary.desired < (wanted.desired or 0)
    return target.share > pair.share


def _oversized(pair: Pair, wanted: Wanted) -> bool:
    """Whether the canary's bounds are those of a larger share: a shift that was cut off before its end leaves that.

    A count alone is no sign of it. The autoscaler, and not a shift, may have chosen it.
    """
    bounds = pair.canary.bounds
    if bounds is None or wanted.min is None or wanted.max is None:
        return False
    return bounds.min > wanted.min or bounds.max > max(wanted.max, pair.canary.desired)


def plan_rollback(info: Info, settings: Settings, *, restore: bool = False) -> Plan:
    """How to bring all traffic to stable, and park the canary.

    ``stable_ahead`` holds what stable needs before it can take the traffic: nothing where it is large enough, as
    `_ready` tells, so that the traffic moves at once.
    ``restores`` tells when stable takes back its previous release: ``first`` where it has the canary's, since the
    traffic is no better off there; ``last`` where it has another one, which is better than the canary's for the time
    being; empty where it was not asked to. ``stable_rolling`` tells of a release that stable is still taking: a
    promotion that did not end leaves that. ``holds``: stable is held at a size, by this flow or by one that was cut
    off; ``lets_go``: it may be. Sizes at rest that no canary can have are brought in order and not refused, for the
    traffic is to leave a bad canary.
    """
    pair = _pair(info, settings)
    needed = stable_for(pair, Fraction(1)) or _from_none(pair.stable, settings)
    rest = {} if _is_daemon(info["canary"]) else _parking(pair, replace(settings, rest=_in_order(settings.rest)))
    sized = _is_daemon(info["stable"]) or _ready(info, pair, needed)
    stable_ahead = {} if sized else _held_up(pair, needed)
    return {
        "restores": _restores(info) if restore else "",
        "stable_ahead": stable_ahead,
        "holds": _holds(info, stable_ahead),
        "lets_go": not _is_daemon(info["stable"]),
        "steps": steps_to(target_of(percent=0), live=_percents(info)),
        **_settling(info, rest, stuck=_stuck(info, settings, 0)),
        "stable_rolling": is_rolling(info["stable"]),
    }


def _from_none(stable: Capacity, settings: Settings) -> int:
    """The tasks that stable gets where it has none, and nothing tells how many the load needs."""
    least = settings.rest.desired or 1
    return min(least, stable.bounds.max) if stable.bounds else least


def _settling(info: Info, after: dict[str, int], *, stuck: int) -> Plan:
    """What the canary becomes once the traffic has left, and how many seconds the tasks that leave may drain.

    While clients are stuck to it, no task leaves: ``stuck_seconds`` says for how long that may be. The same flow again
    finds the traffic where it was to be, and takes the tasks away then. Nor does one leave while rules that the flow
    was told to leave alone send the canary requests: ``unnamed`` says which.
    """
    if after and info.get("unnamed_rules"):
        return {"canary_after": {}, "drain_seconds": 0, "stuck_seconds": 0, "unnamed": _unnamed(info)}
    leaves = after.get("desired", info["canary"]["desired"]) < info["canary"]["desired"]
    if leaves and stuck:
        return {"canary_after": {}, "drain_seconds": 0, "stuck_seconds": stuck, "unnamed": ""}
    delay = (info["canary"].get("target_group") or {}).get("deregistration_delay", 0)
    return {"canary_after": after, "drain_seconds": delay if leaves else 0, "stuck_seconds": 0, "unnamed": ""}


def _unnamed(info: Info) -> str:
    """The rules that send the canary requests and are not among those that the flow moves."""
    rules = info.get("unnamed_rules") or []
    return ", ".join(f"rule {rule['rule_arn']} ({rule['percent']:g} %)" for rule in rules)


def _stuck(info: Info, settings: Settings, percent: float) -> int:
    """How many seconds clients may go on to a canary that they have met, on rules that send it more than ``percent``.

    A rule stays sticky, whatever was asked for, while a target group is sticky itself.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
    """
    if settings.stickiness == "disable" and not _sticky_groups(info):
        return 0
    leaving = [rule for rule in info["rules"] if rule.get("percent") is None or rule["percent"] > percent]
    return max((int(rule.get("sticky_seconds") or 0) for rule in leaving), default=0)


def _sticky_groups(info: Info) -> bool:
    """Whether a target group keeps its clients on one target itself."""
    return any((info[name].get("target_group") or {}).get("sticky_seconds") for name in ("stable", "canary"))


def _ready(info: Info, pair: Pair, needed: int) -> bool:
    """Whether stable can take all traffic as it is, or has it already.

    It can with four fifths of the tasks that it needs, half of them healthy: what the load needs is an estimate, and a
    canary that is bad and busy raises it. The traffic would have to stay there until the few that are missing run.
    """
    healthy = (info["stable"].get("target_group") or {}).get("healthy", 0)
    takes_more = ENOUGH * needed <= pair.stable.desired and 2 * healthy >= needed
    return pair.stable.desired > 0 and (not pair.share or takes_more)


def _restores(info: Info) -> str:
    """When stable takes back its previous release: ahead of the traffic, or after it."""
    return "first" if has_release_of_canary(info) else "last"


def plan_promote(info: Info, settings: Settings, *, take: str, return_step: Any) -> Plan:
    """How stable takes the release off-traffic, and then the traffic, a step at a time.

    Raises `CanaryError` while the canary does not hold all traffic, and where stable cannot take the release. A
    promotion that was interrupted after stable had taken it goes on from there.
    """
    pair = _pair(info, settings)
    stable = info["stable"]
    refuse_undeployable(
        stable["service"], controller=stable["deployment_controller"], strategy=stable["deployment_strategy"]
    )
    promoted, percent = _promoted(info, take), info.get("percent")
    if not promoted and percent != 100:
        share = _share_in_words(info)
        raise CanaryError(
            f"The canary takes {share}, and its release is promoted only when it takes all: first run the playbook "
            "canary.ecs.canary with percent=100."
        )
    if not promoted:
        _refuse_untakeable(info, take)
    needed = stable_for(pair, Fraction(1)) if pair.share else pair.stable.desired
    stable_ahead = _held_up(pair, needed) if pair.share else {}
    _refuse_unordered(parked(pair.canary, settings.rest))
    return {
        "promoted": promoted,
        "stable_ahead": stable_ahead,
        "holds": _holds(info, stable_ahead),
        "steps": guarded(steps_to(target_of(percent=0), live=_percents(info), step=return_step), live=_percents(info)),
        **_settling(info, _parking(pair, settings), stuck=_stuck(info, settings, 0)),
    }


def _share_in_words(info: Info) -> str:
    """What the canary takes, where it is not all."""
    if info.get("percent") is not None:
        return f"{info['percent']:g} %"
    weightless = [rule for rule in info["rules"] if rule["percent"] is None]
    return "none of the requests of a rule without a weight" if weightless else "a different share on each rule"


def _refuse_untakeable(info: Info, take: str) -> None:
    """Raise `CanaryError`, before stable is sized, where canary.ecs.ecs_canary_promote would refuse it."""
    canary = info["canary"]
    refuse_between_releases(canary["service"], canary["deployments"], arn=canary["service_arn"])
    if take == "image":
        refuse_unlike_containers(info["stable"]["images"], canary["images"])


def _promoted(info: Info, take: str) -> bool:
    """Whether stable has the release of the canary; by its images alone where only these are taken."""
    same_images = info["stable"].get("images") == info["canary"].get("images")
    return bool(info.get("promoted")) or (take == "image" and same_images)


def _held_up(pair: Pair, needed: int) -> dict[str, int]:
    """Stable's capacity while the traffic returns.

    Its autoscaler sees no load yet and would take the tasks away again, so it is held at that min.
    https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
    """
    bounds = pair.stable.bounds
    if bounds is None:
        return {"desired": needed}
    needed = bounds.nearest(needed)
    return {"desired": needed, "min": needed}


def refuse_larger(info: Info, plan: Mapping[str, Any]) -> None:
    """Raise `CanaryError` where the canary's share is larger than ``plan`` has brought it to: tasks are about to go."""
    last = plan["steps"][-1]
    named = {name: last.get("weights", {}).get(name) for name in ("stable", "canary")}
    wanted = target_of(percent=last.get("percent"), stable_weight=named["stable"], canary_weight=named["canary"])
    most = round(float(wanted.share * 100), 3)
    rules = [*(info.get("rules") or []), *(info.get("unnamed_rules") or [])]
    larger = [rule for rule in rules if rule["percent"] is not None and rule["percent"] > most]
    if larger:
        seen = ", ".join(f"rule {rule['rule_arn']} is at {rule['percent']:g} %" for rule in larger)
        raise CanaryError(
            f"The canary was brought to {wanted.percent:g} %, but {seen}: somebody else shifts it. It keeps its tasks. "
            "Find out who does, then run again."
        )


def _pair(info: Info, settings: Settings) -> Pair:
    """Both services as they are; where the rules differ, the canary's share is that of the rule with the most.

    Raises `CanaryError` where the weights could not be set, before anything is sized for it.
    """
    _refuse_unsplit(info)
    percents = [percent for percent in _percents(info) if percent is not None]
    share = Fraction(max(percents, default=0)).limit_denominator(10**6) / 100
    stable, canary = capacity_of(info["stable"]), capacity_of(info["canary"])
    resting = max(settings.least.desired or 0, settings.rest.desired or 0)
    return Pair(stable=stable, canary=canary, share=share, resting=resting)


def _is_daemon(service: Mapping[str, Any]) -> bool:
    """Whether a service runs one task on each instance, so that nobody sizes it."""
    return bool(service.get("scheduling_strategy") == DAEMON)


def _refuse_daemons(info: Info) -> None:
    """Raise `CanaryError` for a service that could not be sized for its share; traffic is not brought to one."""
    for service in (info["stable"], info["canary"]):
        refuse_daemon(service["service"], strategy=service.get("scheduling_strategy"), arn=service["service_arn"])


def _refuse_unsplit(info: Info) -> None:
    """Raise `CanaryError` for no rule, and for one with a third group: canary.ecs.ecs_canary_weights refuses both."""
    if not info["rules"]:
        raise CanaryError(info["no_rules"])
    for rule in info["rules"]:
        third = [other["arn"] for other in rule.get("others") or []]
        refuse_third_group(f"rule {rule.get('rule_arn')}", third, rule_arn=str(rule.get("rule_arn")))


def _percents(info: Info) -> list[float | None]:
    return [rule.get("percent") for rule in info["rules"]]


def _parking(pair: Pair, settings: Settings) -> dict[str, int]:
    """The canary's resting capacity; where it takes no traffic, nothing if it rests already.

    Where it takes some, it is set in any case: the reading may be behind the flow that has just sized it.
    """
    rest = parked(pair.canary, settings.rest)
    return as_options(rest) if pair.share else _unless_so(pair, rest)


def _unless_so(pair: Pair, wanted: Wanted) -> dict[str, int]:
    """What is wanted of the canary, or nothing where it is so already."""
    options, live = as_options(wanted), pair.canary.facts()
    return options if any(live[name] != value for name, value in options.items()) else {}
