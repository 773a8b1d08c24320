# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The app that a lab's tasks run: answers HTTP/1.1 with the version that its image names.

``GET /health`` answers 200; every other path answers ``{"version": ..., "image": ..., "task": ...}``. The image's
tag is the version, and words in it are faults, so that a release can be rehearsed that goes wrong in a known way:

- ``-errors``: half of the requests answer 500; ``-errors20``: 20 % of them. Spread evenly, not at random.
- ``-slow``: every request takes 0.5 s longer; ``-slow2000``: 2000 ms longer.
- ``-unhealthy``: ``/health`` answers 500.
- ``-crash``: the process exits with status 1 at its start.

On SIGTERM it accepts no more, finishes the requests that it has, and exits 0. It is no web server: it reads request
bodies but throws them away, and knows neither HTTP/2 nor TLS.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass

REASONS = {200: "OK", 400: "Bad Request", 500: "Internal Server Error"}
LONGEST_HEAD = 65536


def version_of(image: str) -> str:
    """The version that an image reference names: its tag, else its digest, else ``latest``."""
    name, _at, digest = image.partition("@")
    _path, colon, tag = name.rpartition("/")[2].partition(":")
    if colon:
        return tag
    return digest or "latest"


@dataclass(frozen=True)
class Faults:
    """What goes wrong, by intent: error share in percent, extra seconds a request, failing health checks, no start."""

    error_percent: int = 0
    delay: float = 0.0
    unhealthy: bool = False
    crash: bool = False

    @classmethod
    def of(cls, version: str) -> Faults:
        """The faults whose names a version carries."""
        errors = re.search(r"-errors(\d*)", version)
        slow = re.search(r"-slow(\d*)", version)
        return cls(
            error_percent=min(100, int(errors[1] or 50)) if errors else 0,
            delay=int(slow[1] or 500) / 1000 if slow else 0.0,
            unhealthy="-unhealthy" in version,
            crash="-crash" in version,
        )


class App:
    """Answers requests as one task of one image."""

    def __init__(self, *, image: str, task: str) -> None:
        self.version = version_of(image)
        self.faults = Faults.of(self.version)
        self._body = {"version": self.version, "image": image, "task": task}
        self._served = 0

    async def answer(self, path: str) -> tuple[int, dict[str, str]]:
        """Status and JSON body for a request of ``path``."""
        if path.partition("?")[0] == "/health":
            return (500, {"status": "unhealthy"}) if self.faults.unhealthy else (200, {"status": "healthy"})
        self._served += 1
        if self.faults.delay:
            await asyncio.sleep(self.faults.delay)
        return (500 if self._fails(self._served) else 200), self._body

    def _fails(self, count: int) -> bool:
        """Whether request number ``count`` is one of the share that fails."""
        share = self.faults.error_percent
        return count * share // 100 > (count - 1) * share // 100


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bool] | None:
    """The next request's path, and whether its connection stays open. None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        _method, path, protocol = lines[0].split(" ")
        headers = {
            name.strip().lower(): value.strip().lower()
            for name, _colon, value in (line.partition(":") for line in lines[1:])
        }
        await _skip_body(reader, headers)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
        return None
    stays = headers.get("connection", "" if protocol == "HTTP/1.1" else "close")
    return path, stays != "close"


async def _skip_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> None:
    """Read past the request's body."""
    if headers.get("transfer-encoding") != "chunked":
        await reader.readexactly(int(headers.get("content-length", 0)))
        return
    while size := int((await reader.readline()).split(b";")[0], 16):
        await reader.readexactly(size + 2)
    while await reader.readline() not in (b"\r\n", b""):
        pass


class Server:
    """Serves an `App` until it is told to finish."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._finishing = asyncio.Event()
        self._idle: set[asyncio.StreamWriter] = set()

    async def run(self, address: str, port: int) -> None:
        """Serve until `finish`, then end when the last request in flight is answered."""
        server = await asyncio.start_server(self._connection, address, port, limit=LONGEST_HEAD, backlog=512)
        await self._finishing.wait()
        server.close()
        for writer in tuple(self._idle):
            writer.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)

    def finish(self) -> None:
        """Accept no more, answer what is in flight, end."""
        self._finishing.set()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        stays = True
        while stays and not self._finishing.is_set():
            self._idle.add(writer)
            request = await read_request(reader)
            self._idle.discard(writer)
            if request is None:
                break
            path, stays = request
            status, body = await self._app.answer(path)
            stays = stays and not self._finishing.is_set()
            writer.write(_response(status, body, stays=stays))
            try:
                await writer.drain()
            except ConnectionError:
                break
        writer.close()


def _response(status: int, body: dict[str, str], *, stays: bool) -> bytes:
    """One HTTP response, as bytes."""
    content = json.dumps(body).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        f"Connection: {'keep-alive' if stays else 'close'}\r\n\r\n"
    )
    return head.encode() + content


async def serve(app: App, address: str, port: int) -> None:
    """Serve ``app`` until SIGTERM or SIGINT."""
    server = Server(app)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.finish)
    await server.run(address, port)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one task."""
    parser = argparse.ArgumentParser(prog="python -m lab.app", description="One task of the lab: an HTTP app.")
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--image", required=True, help="its tag is the version, and may carry faults")
    parser.add_argument("--task", default="", help="the task's ARN")
    options = parser.parse_args(arguments)
    app = App(image=options.image, task=options.task)
    if app.faults.crash:
        sys.exit(f"{options.image}: crashes at its start, as its tag asks")
    asyncio.run(serve(app, options.address, options.port))


if __name__ == "__main__":
    main()
