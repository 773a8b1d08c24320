# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP door of the control plane: moto's application behind a lock, a call log, and what is put in its way."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from lab.control.calls import CALLS_PATH, Call, CallLog, Request, is_mutating, operation_of, service_of
from lab.control.wsgi import Application, Environ, StartResponse, json_page

Middleware = Callable[[Application], Application]
"""Wraps the application. Finds the `Request` in ``environ["lab.request"]`` and its body in ``environ["lab.body"]``.
The permission gate and the faults are put in this way."""


class _QuietHandler(MotoRequestHandler):
    """Answers over kept-alive connections, and does not write a line for each request."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *_: Any, **__: Any) -> None:
        return


class ApiServer:
    """Serves the AWS API in threads. Each call holds ``lock`` from its first to its last effect."""

    def __init__(
        self, address: tuple[str, int], *, lock: threading.RLock, calls: CallLog, clock: Callable[[], float]
    ) -> None:
        self._address = address
        self._lock = lock
        self._calls = calls
        self._clock = clock
        self._server: BaseWSGIServer | None = None
        self._moto = DomainDispatcherApplication(create_backend_app)
        self.middlewares: list[Middleware] = []
        self.pages: dict[str, Application] = {CALLS_PATH: self._show_calls}

    @property
    def port(self) -> int:
        """The port it is bound to."""
        return self._server.server_port if self._server else self._address[1]

    def start(self) -> None:
        """Bind, and serve from a thread of its own."""
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        host, port = self._address
        self._server = make_server(host, port, self._entry, threaded=True, request_handler=_QuietHandler)
        threading.Thread(target=self._server.serve_forever, name="api", daemon=True).start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _entry(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """One request: the lab's own paths are answered here, everything else is an AWS call."""
        page = self.pages.get(environ.get("PATH_INFO", ""))
        if page is not None:
            return page(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        operation = operation_of(environ, body)
        request = Request(self._calls.next_number(), service_of(environ), operation, is_mutating(operation))
        environ["lab.request"], environ["lab.body"] = request, body
        return self._answer(request, environ, start_response)

    def _answer(self, request: Request, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request through the middlewares, and log how it was answered."""
        statuses: list[int] = []

        def noting(status: str, *rest: Any, **more: Any) -> Any:
            statuses.append(int(status.split(maxsplit=1)[0]))
            return start_response(status, *rest, **more)

        application: Application = self._locked
        for middleware in self.middlewares:
            application = middleware(application)
        at, begun = self._clock(), perf_counter()
        try:
            return application(environ, noting)
        finally:
            took = round((perf_counter() - begun) * 1000, 2)
            status = statuses[-1] if statuses else 0
            self._calls.add(
                Call(request.number, request.service, request.operation, request.mutating, status, at, took)
            )

    def _locked(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            return list(self._moto(environ, start_response))

    def _show_calls(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The call log as JSON; ``?since=N`` leaves out the calls up to number N."""
        since = int(parse_qs(environ.get("QUERY_STRING", "")).get("since", ["0"])[0])
        return json_page(start_response, self._calls.as_json(since))
