# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load generator's reports, and the generator against a server that misbehaves."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.addresses import Network, claim
from lab.traffic import Sample, Traffic, summarise
from lab.traffic.process import TrafficEnded
from lab.traffic.report import percentile
from tests.application import watched

samples = st.builds(
    Sample,
    sent=st.floats(0, 100),
    version=st.sampled_from(["v1", "v2", "?"]),
    status=st.sampled_from([200, 404, 500, 503, None]),
    reason=st.just("why"),
    latency=st.floats(0, 10),
)


@given(st.lists(samples), st.floats(0, 100), st.floats(0, 100))
def test_a_report_counts_each_request_of_its_window_once(found: list[Sample], since: float, until: float) -> None:
    report = summarise(found, since=since, until=until)
    assert report.requests == sum(since <= sample.sent < until for sample in found)
    assert report.requests == sum(version.requests for version in report.versions.values())
    assert report.failed == sum(version.failed for version in report.versions.values())
    if report.requests:
        assert sum(version.share for version in report.versions.values()) == pytest.approx(100)


@given(st.lists(samples, min_size=1), st.integers(0, 99))
def test_windows_beside_each_other_add_up(found: list[Sample], middle: int) -> None:
    parts = [summarise(found, since=0, until=middle), summarise(found, since=middle, until=101)]
    assert sum(part.requests for part in parts) == len(found)


@pytest.mark.parametrize(("status", "failed"), [(200, False), (404, False), (500, True), (503, True), (None, True)])
def test_what_a_failure_is(status: int | None, failed: bool) -> None:
    assert Sample(0, "v1", status, "", 0).failed is failed


@pytest.mark.parametrize(
    ("values", "percent", "expected"), [([], 99, 0), ([7], 50, 7), (list(range(1, 101)), 95, 95), ([1, 2, 3], 50, 2)]
)
def test_percentiles(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


def test_a_report_can_be_read() -> None:
    found = [Sample(1 + number / 10, "v1", 200, "", 0.002) for number in range(9)]
    found.append(Sample(1.95, "?", None, "no response within 1 s", 1))
    text = str(summarise(found, since=1, until=2)).splitlines()
    assert text[0] == "10 requests in 1.0 s (10/s), 1 failed"
    assert text[3].split() == ["v1", "9", "90.0%", "0", "2.0", "ms", "2.0", "ms", "2.0", "ms"]
    assert text[4] == "failed at +0.95 s: no response within 1 s (version ?)"


class Moody:
    """A server that does with each connection what its mood is."""

    def __init__(self, address: str) -> None:
        self.mood = "well"
        self._stopped = threading.Event()
        self._socket = socket.create_server((address, 8000), backlog=200)
        self.url = f"http://{address}:8000/"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                if self.mood == "silent":
                    self._stopped.wait()
                if self.mood == "broken" or self._stopped.is_set():
                    return
                status = "500 Oops" if self.mood == "errors" else "200 OK"
                body = b'{"version": "v9"}'
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    def stop(self) -> None:
        self._stopped.set()
        # Closing alone would leave the thread, and with it the port, in accept().
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def moody() -> Iterator[Moody]:
    held = claim()
    server = Moody(Network(held.number).next_task())
    yield server
    server.stop()
    held.release()


def test_every_kind_of_failure_is_seen_and_told_apart(moody: Moody) -> None:
    reasons = {}
    with Traffic(moody.url, rate=50, timeout=3) as traffic:
        begin = traffic.mark()
        for mood in ("well", "errors", "broken", "silent"):
            moody.mood = mood
            report = watched(traffic, 20)
            reasons[mood] = {failure.reason.partition(":")[0] for failure in report.failures}
            assert mood == "well" or report.failed == report.requests
        moody.mood = "well"
        assert watched(traffic, 20).versions.keys() == {"v9"}
        assert traffic.report(since=begin).rate == pytest.approx(50, rel=0.5)
    assert reasons == {
        "well": set(),
        "errors": {"500 Oops"},
        "broken": {"ServerDisconnectedError"},
        "silent": {"no response within 3 s"},
    }


def test_a_dead_generator_is_noticed(moody: Moody) -> None:
    with Traffic(moody.url, rate=50) as traffic:
        begin = traffic.mark()
        assert traffic._process is not None
        traffic._process.kill()
        time.sleep(0.2)
        with pytest.raises(TrafficEnded, match="the load generator ended"):
            traffic.report(since=begin)
