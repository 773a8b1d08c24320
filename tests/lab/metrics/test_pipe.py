# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Envoy says of its requests comes through a pipe: all of it, in whole lines, at the cost of no request."""

from __future__ import annotations

import http.client
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lab.addresses import Network, claim
from lab.balancer.fleet import Fleet
from lab.control.views import Listener, LoadBalancer, Rule
from lab.metrics import pipe
from lab.metrics.requests import counts, parse


def test_lines_come_whole(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    reading = pipe.RequestPipe(path)
    writing = os.open(path, os.O_WRONLY)
    assert reading.lines() == []
    os.write(writing, b"one\ntw")
    assert reading.lines() == ["one"]
    assert reading.lines() == []
    os.write(writing, b"o\nthree\n")
    os.close(writing)
    assert reading.lines() == ["two", "three"]
    reading.close()
    assert path.stat().st_size == 0


def test_requests_are_served_while_nobody_reads_and_none_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "SIZE", 4096)
    held = claim()
    network = Network(held.number)
    refusal = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    listener = Listener("listener", 8080, "HTTP", (Rule("rule", None, (), (refusal,)),))
    balancer = LoadBalancer("balancer", "web", network.next_load_balancer(), (listener,))
    with TemporaryDirectory() as directory:
        fleet = Fleet(Path(directory) / "balancers", propagation_delay=0, low_ports=True)
        try:
            fleet.update([balancer], {}, 0)
            connection = http.client.HTTPConnection(balancer.address, 8080, timeout=5)
            for _turn in range(300):
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 503
            time.sleep(1)
            lines: list[str] = []
            deadline = time.monotonic() + 10
            while len(lines) < 300 and time.monotonic() < deadline:
                lines += [line for served in fleet.served() for line in served.lines]
                time.sleep(0.05)
            assert len(lines) == 300
            assert [list(counts(parse(line))) for line in lines] == [[]] * 300, "a fixed response is no failure"
        finally:
            fleet.stop()
            held.release()
