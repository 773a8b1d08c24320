# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults over HTTP: GET lists them, with how many calls each has hit and holds; POST sets one, DELETE clears."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from lab.faults.room import Room, fault_of

PATH = "/_lab/faults"


def page(room: Room) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """The page for one room."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status = "200 OK"
        try:
            _act(room, environ)
            shown: Any = room.facts()
        except ValueError as error:
            status, shown = "400 Bad Request", {"error": str(error)}
        body = json.dumps(shown).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def _act(room: Room, environ: dict[str, Any]) -> None:
    if environ["REQUEST_METHOD"] == "DELETE":
        room.clear()
    elif environ["REQUEST_METHOD"] == "POST":
        given = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        room.add(fault_of(json.loads(given)))
