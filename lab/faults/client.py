# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set faults in a lab that runs, and read its call log, from another process."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError

from lab.control.calls import CALLS_PATH
from lab.faults.page import PATH
from lab.state import Lab, LabError


def faults(lab: Lab) -> list[dict[str, Any]]:
    """The faults that are set, with how many calls each has hit, and holds right now."""
    found: list[dict[str, Any]] = _ask(lab, "GET", PATH)
    return found


def add(lab: Lab, kind: str, **choice: Any) -> None:
    """Set a fault; ``choice`` says which calls it hits, in the words of `lab.faults.room.Fault`.

    Raises:
        LabError: it is none.
    """
    _ask(lab, "POST", PATH, {"kind": kind, **choice})


def clear(lab: Lab) -> None:
    """Take all faults away, and let go of the calls that they hold."""
    _ask(lab, "DELETE", PATH)


def calls(lab: Lab, *, since: int = 0) -> list[dict[str, Any]]:
    """The calls that the lab has answered after number ``since``; status 0 is a connection that broke."""
    found: list[dict[str, Any]] = _ask(lab, "GET", f"{CALLS_PATH}?since={since}")
    return found


def last_call(lab: Lab) -> int:
    """The number of the last call that the lab has answered, 0 before the first one."""
    return max((call["number"] for call in calls(lab)), default=0)


def _ask(lab: Lab, method: str, path: str, data: dict[str, Any] | None = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(lab.endpoint + path, body, method=method)) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise LabError(json.load(error)["error"]) from error
    except OSError as error:
        raise LabError(f"the lab {lab.name} does not answer at {lab.endpoint}: {error}") from error
