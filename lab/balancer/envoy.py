# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Envoy process: started on configuration files, given new ones without losing a request."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

from lab.balancer.config import ADMIN_SOCKET, REQUESTS, Document, bootstrap
from lab.metrics.pipe import RequestPipe
from lab.tied import tied

STATS = "/stats?format=json&filter="
APPLIED = {"clusters.json": "cluster_manager.cds.update_success"}


class EnvoyError(Exception):
    """Envoy did not start, or did not take its configuration. The message names its log."""


class _Admin(http.client.HTTPConnection):
    """A connection to the admin interface on its Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def write(path: Path, document: Document) -> None:
    """Put a file in its place in one move, so that no reader ever sees half of it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document))
    fresh.rename(path)


class Envoy:
    """An Envoy with its configuration, log and admin socket in a directory of its own.

    Start it from a thread that lives as long as this process: it dies with that thread (`lab.tied`).
    """

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self._written: dict[str, Document] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: RequestPipe | None = None

    def start(self, documents: dict[str, Document]) -> None:
        """Write the first configuration and start the process; `wait_ready` tells when it answers."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True, mode=0o700)
        self._close_requests()
        self._requests = RequestPipe(self.directory / REQUESTS)
        for name, document in documents.items():
            self._write(name, document)
        write(self.directory / "bootstrap.json", bootstrap(self.name, str(self.directory)))
        binary = files("envoy") / "_bin" / "envoy"
        command = [
            *(str(binary), "--config-path", str(self.directory / "bootstrap.json")),
            *("--log-path", str(self.directory / "envoy.log"), "--log-level", "warning"),
            *("--concurrency", "1", "--disable-hot-restart", "--file-flush-interval-msec", "500"),
        ]
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen(tied(command), stdin=nowhere, stdout=nowhere, stderr=nowhere)

    def wait_ready(self, timeout: float = 60) -> None:
        """Wait until it has applied its first configuration.

        Raises:
            EnvoyError: it ended, or is not ready after ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while not self.ready():
            if not self.alive() or time.monotonic() > deadline:
                raise EnvoyError(f"the load balancer {self.name} did not start: see {self.directory / 'envoy.log'}")
            time.sleep(0.02)

    def ready(self) -> bool:
        """Whether it serves."""
        try:
            return self._get("/ready").startswith("LIVE")
        except OSError:
            return False

    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def apply(self, documents: dict[str, Document]) -> None:
        """Bring the files that differ, in the order given; later ones may rely on the clusters of earlier ones."""
        for name, document in documents.items():
            if self._written.get(name) == document:
                continue
            before = self._counter(APPLIED[name]) if name in APPLIED else 0
            self._write(name, document)
            if name in APPLIED:
                self._wait_counted(APPLIED[name], before)
        for name in self._written.keys() - documents.keys():
            del self._written[name]
            (self.directory / name).unlink(missing_ok=True)

    def stats(self, expression: str) -> dict[str, Any]:
        """Envoy's counters and gauges whose names match a regular expression."""
        found = json.loads(self._get(STATS + expression))["stats"]
        return {stat["name"]: stat["value"] for stat in found if "name" in stat}

    def requests(self) -> list[str]:
        """What it said of the requests that ended since this was last called, as `lab.metrics.requests` reads it."""
        return self._requests.lines() if self._requests else []

    def stop(self, timeout: float = 5) -> list[str]:
        """End the process: at once, as deleting a load balancer does. Returns what it said of its last requests."""
        if self._process is None:
            return []
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        last = self.requests()
        self._close_requests()
        shutil.rmtree(self.directory, ignore_errors=True)
        return last

    def _close_requests(self) -> None:
        if self._requests:
            self._requests.close()
            self._requests = None

    def _write(self, name: str, document: Document) -> None:
        write(self.directory / name, document)
        self._written[name] = document

    def _counter(self, name: str) -> int:
        return int(self.stats(f"^{name}$").get(name, 0))

    def _wait_counted(self, name: str, before: int, timeout: float = 5) -> None:
        """Wait until Envoy has counted one more update."""
        deadline = time.monotonic() + timeout
        while self._counter(name) == before:
            if not self.alive() or time.monotonic() > deadline:
                raise EnvoyError(
                    f"the load balancer {self.name} did not take a change: see {self.directory / 'envoy.log'}"
                )
            time.sleep(0.005)

    def _get(self, path: str) -> str:
        """Ask the admin interface."""
        connection = _Admin(self.directory / ADMIN_SOCKET, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()
