# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries faults out, around the control plane's application."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from lab.control.calls import Request
from lab.control.refusals import Refusal, answer
from lab.control.wsgi import Application, Environ, StartResponse
from lab.faults.fault_set import Fault, FaultSet

Answer = tuple[str, list[tuple[str, str]], list[bytes]]

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
REFUSALS = {
    "throttle": Refusal(
        "400 Bad Request",
        {"query": "Throttling", "json": "ThrottlingException", "ec2": "RequestLimitExceeded"},
        "Rate exceeded",
    ),
    "error": Refusal(
        "500 Internal Server Error",
        {"query": "InternalFailure", "json": "ServerException", "ec2": "InternalFailure"},
        "An internal error occurred",
        exceptions={"application-autoscaling": "InternalServiceException", "logs": "InternalFailure"},
    ),
}

HOLD_INTERVAL = 0.02
"""Seconds between two looks at whether a held call may go on."""


class FaultInjector:
    """The middleware. Finds the request that the server put into ``environ["lab.request"]``."""

    def __init__(self, faults: FaultSet, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._faults = faults
        self._sleep = sleep
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str, bytes], Answer] = {}

    def __call__(self, application: Application) -> Application:
        """The application with faults."""

        def faulty(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            request: Request = environ["lab.request"]
            fault = self._faults.choose(request)
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
        if fault and kind == "hold-before":
            self._hold(fault, environ)
        if kind in ("throttle", "error"):
            return answer(REFUSALS[kind], request, start_response)
        body: bytes = environ["lab.body"]
        key = (request.service, request.operation, body)
        with self._lock:
            earlier = self._answers.get(key)
        if kind == "stale" and earlier and not request.mutating:
            return _send(earlier, start_response)
        given = _collect(application, environ)
        if kind == "reset-after":
            _reset(environ)
        if fault and kind == "hold-after":
            self._hold(fault, environ)
        if not request.mutating:
            with self._lock:
                self._answers[key] = given
        return _send(given, start_response)

    def _hold(self, fault: Fault, environ: Environ) -> None:
        """Keep a call waiting until the fault is taken away; raises where its client hangs up first."""
        connection: socket.socket = environ["werkzeug.socket"]
        with self._faults.holding(fault):
            while not _hung_up(connection):
                if fault not in self._faults.faults:
                    return
                self._sleep(HOLD_INTERVAL)
        raise ConnectionResetError("the client hung up while the lab held its call")


def _hung_up(connection: socket.socket) -> bool:
    """Whether the client at the other end is gone."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


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
