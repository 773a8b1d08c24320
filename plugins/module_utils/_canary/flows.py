# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flows: in what order a shift, a rollback and a promotion change what, decided from what is.

Two rules run through all of them. Who is about to take more is sized for it first; who takes less keeps its tasks
until the traffic has left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.capacity import Capacity, Wanted
from ansible_collections.canary.ecs.plugins.module_utils._canary.deployment import (
    refuse_between_releases,
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
from ansible_collections.canary.ecs.plugins.module_utils._canary.status import is_rolling
from ansible_collections.canary.ecs.plugins.module_utils._canary.steps import Target, guarded, steps_to, target_of

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


def _whole(options: Mapping[str, Any], name: str) -> int | None:
    return whole(options[name], name)


def plan_shift(info: Info, settings: Settings, target: Target, *, step: Any = None) -> Plan:
    """How to bring the canary's share to ``target``.

    ``canary_ahead`` and ``stable_ahead`` are sized ahead of the traffic, ``canary_after`` once it has moved. At 0 %
    the canary keeps its capacity: parking is what a rollback and a promotion do. ``lets_go``: stable is held at its
    size while the traffic comes back step by step, or by a run that was cut off, and is let go at the end.
    """
    pair = _pair(info, settings)
    wanted = canary_for(pair, target.percent, at_least=settings.least)
    rising, falling = _rises(pair, target, wanted), target.share < pair.share
    shrinks = target.share and (falling or (target.share == pair.share and not rising and _oversized(pair, wanted)))
    stable = stable_for(pair, 1 - target.share)
    steps = guarded(steps_to(target, live=_percents(info), step=step), live=_percents(info))
    return {
        "percent": target.percent,
        "stable_ahead": _growing(pair, stable, steps=len(steps)) if falling else {},
        "canary_ahead": as_options(at_least_as(pair.canary, wanted)) if rising else {},
        "steps": steps,
        "lets_go": bool(falling and len(steps) > 1) or info["stable"].get("held_from") is not None,
        **_settling(info, _unless_so(pair, wanted) if shrinks else {}, stuck=_stuck(info, settings, target.percent)),
    }


def _growing(pair: Pair, needed: int, *, steps: int) -> dict[str, int]:
    """What stable needs before traffic comes back to it: at once, or over so long that it has to be held up."""
    if steps > 1:
        return _held_up(pair, needed)
    return {"desired": needed} if needed > pair.stable.desired else {}


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

    ``stable_ahead`` holds what stable needs before it can take the traffic: nothing where it is large enough and half
    of it healthy, which is what canary.ecs.ecs_canary_weights asks for, so that the traffic moves at once.
    ``restores`` tells when stable takes back its previous release: ``first`` where it has the canary's, since the
    traffic is no better off there; ``last`` where it has another one, which is better than the canary's for the time
    being; empty where it was not asked to. ``stable_rolling`` tells of a release that stable is still taking: a
    promotion that did not end leaves that.
    """
    pair = _pair(info, settings)
    needed = stable_for(pair, Fraction(1)) or _from_none(pair.stable, settings)
    return {
        "restores": _restores(info) if restore else "",
        "stable_ahead": {} if _ready(info, pair, needed) else {"desired": needed},
        "steps": steps_to(target_of(percent=0), live=_percents(info)),
        **_settling(info, _parking(pair, settings), stuck=_stuck(info, settings, 0)),
        "stable_rolling": is_rolling(info["stable"]),
    }


def _from_none(stable: Capacity, settings: Settings) -> int:
    """The tasks that stable gets where it has none, and nothing tells how many the load needs."""
    least = settings.rest.desired or 1
    return min(least, stable.bounds.max) if stable.bounds else least


def _settling(info: Info, after: dict[str, int], *, stuck: int) -> Plan:
    """What the canary becomes once the traffic has left, and how many seconds the tasks that leave may drain.

    While clients are stuck to it, no task leaves: ``stuck_seconds`` says for how long that may be. The same flow again
    finds the traffic where it was to be, and takes the tasks away then.
    """
    leaves = after.get("desired", info["canary"]["desired"]) < info["canary"]["desired"]
    if leaves and stuck:
        return {"canary_after": {}, "drain_seconds": 0, "stuck_seconds": stuck}
    delay = (info["canary"].get("target_group") or {}).get("deregistration_delay", 0)
    return {"canary_after": after, "drain_seconds": delay if leaves else 0, "stuck_seconds": 0}


def _stuck(info: Info, settings: Settings, percent: float) -> int:
    """How many seconds clients may go on to a canary that they have met, on rules that send it more than ``percent``.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
    """
    if settings.stickiness == "disable":
        return 0
    leaving = [rule for rule in info["rules"] if rule.get("percent") is None or rule["percent"] > percent]
    return max((int(rule.get("sticky_seconds") or 0) for rule in leaving), default=0)


def _ready(info: Info, pair: Pair, needed: int) -> bool:
    """Whether stable can take all traffic as it is, or has it already."""
    healthy = (info["stable"].get("target_group") or {}).get("healthy", 0)
    takes_more = pair.stable.desired == needed and 2 * healthy >= needed
    return pair.stable.desired > 0 and (not pair.share or takes_more)


def _restores(info: Info) -> str:
    """When stable takes back its previous release: ahead of the traffic, or after it."""
    stable, canary = info["stable"], info["canary"]
    same = any(stable.get(name) == canary.get(name) for name in ("task_definition", "images"))
    return "first" if same else "last"


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
        share = "a different share on each rule" if percent is None else f"{percent:g} %"
        raise CanaryError(
            f"The canary takes {share}, and its release is promoted only when it takes all: first run the playbook "
            "canary.ecs.canary with percent=100."
        )
    if not promoted:
        _refuse_untakeable(info, take)
    needed = stable_for(pair, Fraction(1)) if pair.share else pair.stable.desired
    return {
        "promoted": promoted,
        "stable_ahead": _held_up(pair, needed) if pair.share else {},
        "steps": guarded(steps_to(target_of(percent=0), live=_percents(info), step=return_step), live=_percents(info)),
        **_settling(info, _parking(pair, settings), stuck=_stuck(info, settings, 0)),
    }


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
    needed = min(needed, bounds.max)
    return {"desired": needed, "min": max(needed, bounds.min)}


def refuse_larger(info: Info, plan: Mapping[str, Any]) -> None:
    """Raise `CanaryError` where the canary's share is larger than ``plan`` has brought it to: tasks are about to go."""
    last = plan["steps"][-1]
    named = {name: last.get("weights", {}).get(name) for name in ("stable", "canary")}
    wanted = target_of(percent=last.get("percent"), stable_weight=named["stable"], canary_weight=named["canary"])
    most = round(float(wanted.share * 100), 3)
    larger = [rule for rule in info.get("rules") or [] if rule["percent"] is not None and rule["percent"] > most]
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
