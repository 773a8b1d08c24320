# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An error of the API that the lab itself answers with, in the protocol of the service that was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from lab.control.calls import Request

JSON_SERVICES = ("ecs", "application-autoscaling", "logs")


@dataclass(frozen=True)
class Refusal:
    """An HTTP status, AWS's code by protocol (``query``, ``json``, ``ec2``) and of single services, and its words."""

    status: str
    codes: Mapping[str, str]
    text: str
    exceptions: Mapping[str, str] = field(default_factory=dict)


def protocol_of(service: str) -> str:
    """The protocol that a service speaks."""
    return "ec2" if service == "ec2" else "json" if service in JSON_SERVICES else "query"


def answer(refusal: Refusal, request: Request, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request with an error."""
    protocol = protocol_of(request.service)
    code = refusal.exceptions.get(request.service, refusal.codes[protocol])
    kind, body = "text/xml", _xml(protocol, code, refusal.text, request.number)
    if protocol == "json":
        kind, body = "application/x-amz-json-1.1", json.dumps({"__type": code, "message": refusal.text})
    content = body.encode()
    start_response(refusal.status, [("Content-Type", kind), ("Content-Length", str(len(content)))])
    return [content]


def _xml(protocol: str, code: str, text: str, number: int) -> str:
    details = f"<Code>{escape(code)}</Code><Message>{escape(text)}</Message>"
    if protocol == "ec2":
        error, root = f"<Errors><Error>{details}</Error></Errors>", "Response"
    else:
        error, root = f"<Error><Type>Sender</Type>{details}</Error>", "ErrorResponse"
    return f"<{root}>{error}<RequestId>lab-{number}</RequestId></{root}>"
