# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults over HTTP: GET lists them, with how many calls each has hit and holds; POST sets one, DELETE clears."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lab.control.wsgi import Application, Environ, StartResponse, json_page
from lab.faults.fault_set import FaultSet, fault_of

FAULTS_PATH = "/_lab/faults"


def page(faults: FaultSet) -> Application:
    """The page for one set of faults."""

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        status = "200 OK"
        try:
            _act(faults, environ)
            shown: Any = faults.facts()
        except ValueError as error:
            status, shown = "400 Bad Request", {"error": str(error)}
        return json_page(start_response, shown, status=status)

    return answer


def _act(faults: FaultSet, environ: Environ) -> None:
    if environ["REQUEST_METHOD"] == "DELETE":
        faults.clear()
    elif environ["REQUEST_METHOD"] == "POST":
        given = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        faults.add(fault_of(json.loads(given)))
