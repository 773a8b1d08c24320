# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries faults out, around the control plane's application."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import escape

from lab.control.calls import Request
from lab.faults.room import Fault, Room

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Answer = tuple[str, list[tuple[str, str]], list[bytes]]

# Each service's own code for "too many requests".
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
THROTTLING = {
    "ecs": "ThrottlingException",
    "application-autoscaling": "ThrottlingException",
    "logs": "ThrottlingException",
    "ec2": "RequestLimitExceeded",
}
SERVER_ERROR = {"ecs": "ServerException", "application-autoscaling": "InternalServiceException"}
JSON_SERVICES = ("ecs", "application-autoscaling", "logs")


class Faults:
    """The middleware. Finds the request that the server put into ``environ["lab.request"]``."""

    def __init__(self, room: Room, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._room = room
        self._sleep = sleep
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str, bytes], Answer] = {}

    def __call__(self, application: Application) -> Application:
        """The application with faults."""

        def faulty(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            request: Request = environ["lab.request"]
            fault = self._room.choose(request)
            return self._answer(fault, request, application, environ, start_response)

        return faulty

    def _answer(self, fault: Fault | None, request: Request, application: Application, *call: Any) -> Iterable[bytes]:
        """Answer one request, with its fault or without."""
        environ, start_response = call
        kind = fault.kind if fault else ""
        if fault and kind == "latency":
            self._sleep(fault.seconds)
        if kind == "reset-before":
            _reset(environ)
        if kind in ("throttle", "error"):
            return _send(_refusal(request, kind), start_response)
        body: bytes = environ["lab.body"]
        key = (request.service, request.operation, body)
        with self._lock:
            earlier = self._answers.get(key)
        if kind == "stale" and earlier and not request.mutating:
            return _send(earlier, start_response)
        answer = _collect(application, environ)
        if kind == "reset-after":
            _reset(environ)
        if not request.mutating:
            with self._lock:
                self._answers[key] = answer
        return _send(answer, start_response)


def _collect(application: Application, environ: Environ) -> Answer:
    """Let the application answer, and hold the answer back."""
    head: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        head[:] = [status, headers]

    body = list(application(environ, start))
    return head[0], head[1], body


def _send(answer: Answer, start_response: StartResponse) -> Iterable[bytes]:
    status, headers, body = answer
    start_response(status, headers)
    return body


def _reset(environ: Environ) -> None:
    """Break the client's connection, as a load balancer or a cable does; the server sees a client that went away."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("the lab broke this connection")


def _refusal(request: Request, kind: str) -> Answer:
    """An error in the service's own protocol and with its own code."""
    if kind == "throttle":
        status, code, text = "400 Bad Request", THROTTLING.get(request.service, "Throttling"), "Rate exceeded"
    else:
        status = "500 Internal Server Error"
        code, text = SERVER_ERROR.get(request.service, "InternalFailure"), "An internal error occurred"
    if request.service in JSON_SERVICES:
        body = json.dumps({"__type": code, "message": text}).encode()
        return status, _headers("application/x-amz-json-1.1", body), [body]
    details = f"<Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{escape(text)}</Message></Error>"
    if request.service == "ec2":
        details = f"<Errors><Error><Code>{escape(code)}</Code><Message>{escape(text)}</Message></Error></Errors>"
    root = "Response" if request.service == "ec2" else "ErrorResponse"
    body = f"<{root}>{details}<RequestId>lab-{request.number}</RequestId></{root}>".encode()
    return status, _headers("text/xml", body), [body]


def _headers(kind: str, body: bytes) -> list[tuple[str, str]]:
    return [("Content-Type", kind), ("Content-Length", str(len(body)))]
