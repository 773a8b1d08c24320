# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments in which a target group had a share of the requests, and no healthy target to answer them.

A load balancer hides some of them: a group without any healthy target gets its requests all the same, and answers those
that it can. So the lab writes them down.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lab.balancer.actions import weights_of
from lab.control.views import LoadBalancer, TargetGroup
from lab.control.wsgi import Environ, StartResponse, json_page

STARVED_PATH = "/_lab/starved"


class Starved:
    """The record: since when, and until when, each group starved, in seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, dict[str, Any]] = {}
        self._all: list[dict[str, Any]] = []

    def observe(self, balancers: Iterable[LoadBalancer], groups: Mapping[str, TargetGroup]) -> None:
        """Take note of who starves now. ``balancers`` are what is in effect, and what the API says."""
        now, starving = self._clock(), {arn for arn in weighted(balancers) if not _healthy(groups.get(arn))}
        with self._lock:
            for arn in self._open.keys() - starving:
                self._open.pop(arn)["until"] = now
            for arn in starving - self._open.keys():
                self._open[arn] = {"target_group": arn, "since": now, "until": None}
                self._all.append(self._open[arn])

    def __call__(self, _environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The page that shows it."""
        with self._lock:
            return json_page(start_response, self._all)


def weighted(balancers: Iterable[LoadBalancer]) -> set[str]:
    """The target groups to which a rule sends a share of its requests."""
    rules = (rule for balancer in balancers for listener in balancer.listeners for rule in listener.rules)
    forwards = (action for rule in rules for action in rule.actions if action["Type"] == "forward")
    return {arn for action in forwards for arn, weight in weights_of(action).items() if weight}


def _healthy(group: TargetGroup | None) -> bool:
    return group is not None and any(target.state == "healthy" for target in group.targets)
