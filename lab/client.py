# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab that runs tells of itself on its own pages, and the faults that are set there, from another process."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError

from lab.balancer.starved import STARVED_PATH
from lab.control.calls import CALLS_PATH
from lab.faults.page import FAULTS_PATH
from lab.state import Lab, LabError


def faults_of(lab: Lab) -> list[dict[str, Any]]:
    """The faults that are set, with how many calls each has hit, and holds right now."""
    found: list[dict[str, Any]] = _ask(lab, "GET", FAULTS_PATH)
    return found


def add_fault(lab: Lab, kind: str, **choice: Any) -> None:
    """Set a fault; ``choice`` says which calls it hits, in the words of `lab.faults.fault_set.Fault`.

    Raises:
        LabError: it is none.
    """
    _ask(lab, "POST", FAULTS_PATH, {"kind": kind, **choice})


def clear_faults(lab: Lab) -> None:
    """Take all faults away, and let go of the calls that they hold."""
    _ask(lab, "DELETE", FAULTS_PATH)


def calls_of(lab: Lab, *, since: int = 0) -> list[dict[str, Any]]:
    """The calls that the lab has answered after number ``since``; status 0 is a connection that broke."""
    found: list[dict[str, Any]] = _ask(lab, "GET", f"{CALLS_PATH}?since={since}")
    return found


def last_call_of(lab: Lab) -> int:
    """The number of the last call that the lab has answered, 0 before the first one."""
    return max((call["number"] for call in calls_of(lab)), default=0)


def starved(lab: Lab, *, since: float) -> list[dict[str, Any]]:
    """The moments in which a target group had a weight and no healthy target, and that were not over at ``since``.

    ``since`` is in seconds since the epoch.
    """
    found: list[dict[str, Any]] = _ask(lab, "GET", STARVED_PATH)
    return [each for each in found if each["until"] is None or each["until"] > since]


def _ask(lab: Lab, method: str, path: str, data: dict[str, Any] | None = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(lab.endpoint + path, body, method=method)) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise LabError(json.load(error)["error"]) from error
    except OSError as error:
        raise LabError(f"the lab {lab.name} does not answer at {lab.endpoint}: {error}") from error
