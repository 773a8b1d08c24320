# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people look at: a table of both services that fits an 80-column terminal, and what a wait is waiting for."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import name_in

Facts = Mapping[str, Any]

# Ansible indents what it shows by eleven characters, quotes and comma included: 69 fit an 80-column terminal.
_LABEL = 11
_CELL = 28
_WIDTH = _LABEL + _CELL + _CELL + 2


def status_lines(info: Facts) -> list[str]:
    """The result of canary.ecs.ecs_canary_info as lines for a terminal of 80 columns."""
    stable, canary = info["stable"], info["canary"]
    rows = [("", "stable", "canary"), ("traffic", *_traffic(info))]
    rows += [(label, show(stable), show(canary)) for label, show in _ROWS]
    return [
        *(_row(*row) for row in rows),
        *_lines("rules", [_rule(rule) for rule in info["rules"]]),
        *_lines("address", [balancer["url"] for balancer in info.get("load_balancers") or []]),
        *_lines("note", _notes(info)),
    ]


def waiting_for(info: Facts) -> list[str]:
    """What is missing until both services run what they should and are healthy; empty when nothing is."""
    return [reason for name in ("stable", "canary") for reason in _missing(name, info[name])]


def leaving(info: Facts, draining: int) -> list[str]:
    """What is missing until the canary's tasks that leave have left; empty when nothing is.

    ``draining`` is how many targets drain of those that there were when the wait began: those that come later, and go
    again because they never become healthy, have no request.
    """
    canary = info["canary"]
    name = canary.get("service") or (canary.get("target_group") or {}).get("name")
    missing = [f"canary ({name}): {draining} targets drain."] if draining else []
    if canary.get("service") and not is_rolling(canary) and canary["running"] > canary["desired"]:
        missing.append(f"canary ({name}): {canary['running']} tasks are running, and {canary['desired']} are desired.")
    return missing


def newest_events(info: Facts) -> list[str]:
    """What ECS said last about each service that something is missing on, in sentences."""
    return [
        f"The last event of {name}: {info[name]['events'][0]}"
        for name in ("stable", "canary")
        if info[name].get("events") and list(_missing(name, info[name]))
    ]


def is_rolling(service: Facts) -> bool:
    """Whether the service is on its way to a release; one that failed to take it is not."""
    return _newest(service).get("rollout_state") == "IN_PROGRESS"


def has_release_of_canary(info: Facts) -> bool:
    """Whether stable runs what the canary does: its task definition, or one that was promoted from that.

    The same images prove nothing: a release may differ from the one before by its settings only.
    """
    stable, canary = info["stable"], info["canary"].get("task_definition")
    return canary is not None and canary in (stable.get("task_definition"), stable.get("promoted_from"))


def rollback_line(info: Facts) -> str:
    """Which release has the traffic after a rollback; moving traffic brings no other one back."""
    stable = info["stable"]
    runs = f"Stable runs {_version(stable) or 'its release'} ({_release(stable)})"
    if not has_release_of_canary(info):
        return f"{runs}."
    previous = stable.get("previous_release")
    how = (
        f"To bring {name_in(previous)} back, which it had before: canary.ecs.rollback -e restore=true"
        if previous
        else "Deploy the one that you want, by stable_image or as you usually do."
    )
    return f"{runs}, the release of the canary: moving traffic brings no older one back. {how}"


def _missing(name: str, service: Facts) -> Iterable[str]:
    """What is missing on one service, in sentences."""
    rollout = _newest(service)
    state = rollout.get("rollout_state") or "COMPLETED"
    if state != "COMPLETED":
        reason = rollout.get("rollout_state_reason") or ""
        yield f"{name} ({service['service']}): the rollout is {state}. {reason}".strip()
    if service["running"] < service["desired"]:
        yield f"{name} ({service['service']}): {service['running']} of {service['desired']} tasks are running."
    group = service.get("target_group")
    # Where no rule forwards to a group, nobody checks its targets.
    idle = group and group.get("unused") and group["unused"] == group.get("registered")
    if group and not idle and group["healthy"] < service["desired"]:
        yield f"{name} ({service['service']}): {group['healthy']} of {service['desired']} targets are healthy."


def _newest(service: Facts) -> Facts:
    """The deployment that the service is on, or on its way to."""
    deployments = service.get("deployments") or []
    return next((each for each in deployments if each.get("status") == "PRIMARY"), {})


def _traffic(info: Facts) -> tuple[str, str]:
    percent = info.get("percent")
    if not info["rules"]:
        return "no rule", "no rule"
    if _without_weight(info):
        return "a rule has no weight", "a rule has no weight"
    if percent is None:
        return "differs by rule", "differs by rule"
    return f"{round(100 - percent, 3):g} %", f"{percent:g} %"


def _without_weight(info: Facts) -> list[Facts]:
    """The rules whose weights are both 0: the load balancer answers 503 to all of their requests.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#forward-actions
    """
    return [rule for rule in info["rules"] if rule["percent"] is None]


def _version(service: Facts) -> str:
    """The images, each without its registry: the end is what tells two versions apart."""
    return ", ".join(image.rsplit("/", 1)[-1] for image in (service.get("images") or {}).values())


def _tasks(service: Facts) -> str:
    pending = f", {service['pending']} pending" if service.get("pending") else ""
    return f"{service['running']} of {service['desired']} running{pending}"


def _health(service: Facts) -> str:
    group = service.get("target_group")
    if not group:
        return "no target group"
    others = [f"{group[state]} {state}" for state in ("unhealthy", "initial", "draining", "unused") if group.get(state)]
    return textwrap.shorten(", ".join([f"{group['healthy']} healthy", *others]), _CELL, placeholder=" ...")


def _bounds(service: Facts) -> str:
    if service.get("min") is None or service.get("max") is None:
        return "no autoscaling"
    return f"{service['min']} to {service['max']} tasks"


def _release(service: Facts) -> str:
    return name_in(str(service["task_definition"]))


def _rollout(service: Facts) -> str:
    return str(_newest(service).get("rollout_state") or "-").lower().replace("_", " ")


_ROWS: list[tuple[str, Callable[[Facts], str]]] = [
    ("service", lambda service: str(service["service"])),
    ("version", _version),
    ("release", _release),
    ("rollout", _rollout),
    ("tasks", _tasks),
    ("health", _health),
    ("autoscaling", _bounds),
]


def _rule(rule: Facts) -> str:
    which = "default" if rule.get("default") else f"priority {rule.get('priority')}"
    return f"port {rule.get('port')}, {which}: stable {rule['stable']}, canary {rule['canary']}"


def _notes(info: Facts) -> list[str]:
    """What a person would want to be told."""
    notes = []
    if info.get("promoted"):
        notes.append("stable and canary run the same release")
    if previous := info["stable"].get("previous_release"):
        notes.append(
            f"stable had {name_in(previous)} before its promotion: canary.ecs.rollback -e restore=true gives it back"
        )
    low, own = info["stable"].get("min"), info["stable"].get("held_from")
    if own not in (None, low):
        notes.append(f"stable is held at {low} tasks or more, its own min is {own}: the next flow gives it back")
    if not info["rules"]:
        notes.append("no listener rule forwards to both target groups, so there is no traffic to split")
    elif weightless := _without_weight(info):
        notes += [
            f"{_rule(rule)}: both are 0, so all of its requests are answered with 503; canary.ecs.rollback ends that"
            for rule in weightless
        ]
    elif info.get("percent") is None:
        notes.append("the rules differ: canary.ecs.canary or canary.ecs.rollback makes them one")
    return notes + waiting_for(info)


def _row(label: str, stable: str, canary: str) -> str:
    return f"{label:<{_LABEL}} {_cut(stable):<{_CELL}} {_cut(canary)}".rstrip()


def _cut(text: str) -> str:
    """The text in the width of a cell; what is cut is the beginning, for names differ at their ends."""
    return text if len(text) <= _CELL else "..." + text[-(_CELL - 3) :]


def _lines(label: str, texts: list[str]) -> list[str]:
    """Lines of text, the label before the first one; words are never broken, for addresses are to be copied."""
    lines = [
        line
        for text in texts
        for line in textwrap.wrap(text, _WIDTH - _LABEL - 1, break_long_words=False, break_on_hyphens=False)
    ]
    return [f"{label if not number else '':<{_LABEL}} {line}" for number, line in enumerate(lines)]
