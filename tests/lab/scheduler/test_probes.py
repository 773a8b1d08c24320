# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health-check probes against a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lab.scheduler.probes import HealthCheck, Probes, http_probe, matches


class Answers(BaseHTTPRequestHandler):
    """``/503`` answers 503; ``/slow`` takes its time."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(1)
        self.send_response(int(self.path[1:]) if self.path[1:].isdigit() else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (HealthCheck(path="/200"), ""),
        (HealthCheck(path="/204", matcher="200-299"), ""),
        (HealthCheck(path="/503"), "Target.ResponseCodeMismatch"),
    ],
)
def test_a_probe_judges_the_answer(port: int, check: HealthCheck, reason: str) -> None:
    finding = http_probe("127.0.0.1", port, check)
    assert (finding.passed, finding.reason) == (reason == "", reason)


def test_a_probe_says_which_code_it_got(port: int) -> None:
    finding = http_probe("127.0.0.1", port, HealthCheck(path="/503"))
    assert finding.description == "Health checks failed with these codes: [503]"


def test_a_slow_target_times_out(port: int) -> None:
    check = HealthCheck(path="/slow", timeout=0.2)  # type: ignore[arg-type]  # AWS's least is 2 s: too long to wait here
    assert http_probe("127.0.0.1", port, check).reason == "Target.Timeout"


def test_nobody_there_is_a_failed_check() -> None:
    assert http_probe("127.0.0.1", 1, HealthCheck()).reason == "Target.FailedHealthChecks"


def test_the_check_has_a_port_of_its_own(port: int) -> None:
    assert http_probe("127.0.0.1", 1, HealthCheck(path="/200", port=port)).passed


def test_probes_come_back_from_their_threads(port: int) -> None:
    probes = Probes(workers=1)
    probes.send("group", "127.0.0.1", port, HealthCheck(path="/200"))
    deadline = time.monotonic() + 5
    found = probes.finished()
    while not found and time.monotonic() < deadline:
        time.sleep(0.02)
        found = probes.finished()
    probes.stop()
    assert [(group, finding.passed) for group, _target, _at, finding in found] == [("group", True)]


@pytest.mark.parametrize(
    ("status", "matcher", "expected"),
    [
        (200, "200", True),
        (201, "200", False),
        (202, "200,202", True),
        (250, "200-299", True),
        (300, "200-299,301", False),
    ],
)
def test_matchers(status: int, matcher: str, expected: bool) -> None:
    assert matches(status, matcher) is expected
