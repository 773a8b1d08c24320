# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of every API call: what tests and users read to know that nothing was changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

CALLS_PATH = "/_lab/calls"
"""Where the control plane shows the log, as JSON; ``?since=N`` leaves out the calls up to number N."""

READING = ("Describe", "List", "Get", "Lookup", "Head", "Validate", "Estimate", "Search", "Filter", "Preview")


@dataclass(frozen=True)
class Request:
    """What an AWS request asks for: the service by its signing name, the operation, and the call's number."""

    number: int
    service: str
    operation: str
    mutating: bool


@dataclass(frozen=True)
class Call:
    """One answered request. ``time`` is a reading of the lab's clock, ``milliseconds`` how long the answer took."""

    number: int
    service: str
    operation: str
    mutating: bool
    status: int
    time: float
    milliseconds: float


def operation_of(headers: Mapping[str, str], body: bytes) -> str:
    """The operation's name: in the JSON protocols' target header, in the path of the RPC v2 protocol, which CloudWatch
    speaks (``/service/NAME/operation/NAME``), or the query protocol's ``Action``."""
    target = headers.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rsplit(".", 1)[-1]
    path = headers.get("PATH_INFO", "").split("/")
    if path[1:2] == ["service"] and path[3:4] == ["operation"]:
        return path[4]
    return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]


def service_of(headers: Mapping[str, str]) -> str:
    """The signing name in the request's credential scope (``ecs``, ``elasticloadbalancing``...)."""
    scope = headers.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
    return scope[3] if len(scope) > 3 else ""


def is_mutating(operation: str) -> bool:
    """Whether an operation may change something: every one that is not known to read only."""
    return not operation.startswith(READING)


class CallLog:
    """All calls in order; ``file`` gets each as a line of JSON as well."""

    def __init__(self, file: str | None = None) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._last = 0
        self._file = Path(file) if file else None

    def next_number(self) -> int:
        """The number of the call that has just come in, from 1."""
        with self._lock:
            self._last += 1
            return self._last

    def add(self, call: Call) -> None:
        """Take in an answered call."""
        with self._lock:
            self._calls.append(call)
            if self._file is not None:
                with self._file.open("a") as stream:
                    stream.write(json.dumps(asdict(call)) + "\n")

    def since(self, number: int = 0) -> list[Call]:
        """The calls after a number."""
        with self._lock:
            return [call for call in self._calls if call.number > number]

    def as_json(self, since: int = 0) -> list[dict[str, Any]]:
        """The calls after a number, as data."""
        return [asdict(call) for call in self.since(since)]
