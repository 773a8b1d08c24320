# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The app that tasks run: versions, faults, and how it ends."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.addresses import Network, claim
from lab.app import App, Faults, version_of
from lab.checkout import CHECKOUT
from lab.tied import tied
from tests.application import until


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("app:v1", "v1"),
        ("registry.example:5000/team/app:v2-errors", "v2-errors"),
        ("registry.example:5000/team/app", "latest"),
        ("app", "latest"),
        ("app@sha256:abc", "sha256:abc"),
        ("app:v3@sha256:abc", "v3"),
    ],
)
def test_version(image: str, version: str) -> None:
    assert version_of(image) == version


@pytest.mark.parametrize(
    ("version", "faults"),
    [
        ("v1", Faults()),
        ("v2-errors", Faults(error_percent=50)),
        ("v2-errors5-slow", Faults(error_percent=5, delay=0.5)),
        ("v2-slow20", Faults(delay=0.02)),
        ("v2-unhealthy", Faults(unhealthy=True)),
        ("v2-crash", Faults(crash=True)),
        ("v2-errors999", Faults(error_percent=100)),
    ],
)
def test_faults(version: str, faults: Faults) -> None:
    assert Faults.of(version) == faults


@given(st.integers(0, 100), st.integers(1, 300))
def test_errors_are_the_share_that_the_tag_asks(percent: int, requests: int) -> None:
    app = App(image=f"app:v2-errors{percent}", task="")

    async def statuses() -> list[int]:
        return [(await app.answer("/"))[0] for _turn in range(requests)]

    assert asyncio.run(statuses()).count(500) == requests * percent // 100


@pytest.fixture
def address() -> Iterator[str]:
    held = claim()
    yield Network(held.number).next_task()
    held.release()


def start(address: str, tag: str) -> subprocess.Popen[bytes]:
    """Start a task of image ``app:tag``, and wait until it listens."""
    command = [sys.executable, "-m", "lab.app", "--address", address, "--port", "8000", "--image", f"app:{tag}"]
    process = subprocess.Popen(tied([*command, "--task", "arn:task/1"]), cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if listens(address):
            break
        time.sleep(0.02)
    return process


def listens(address: str) -> bool:
    """Whether a task takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex((address, 8000)) == 0


def get(connection: http.client.HTTPConnection, path: str) -> tuple[int, dict[str, str]]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_it_answers_who_it_is_and_whether_it_is_well(address: str) -> None:
    process = start(address, "v2-unhealthy")
    connection = http.client.HTTPConnection(address, 8000, timeout=5)
    assert get(connection, "/whoami") == (
        200,
        {"version": "v2-unhealthy", "image": "app:v2-unhealthy", "task": "arn:task/1"},
    )
    assert get(connection, "/health")[0] == 500
    connection.request(
        "POST", "/anything", body=iter([b"a" * 10, b"b"]), headers={"Transfer-Encoding": "chunked"}, encode_chunked=True
    )
    assert connection.getresponse().read()
    assert get(connection, "/again")[0] == 200
    process.terminate()
    assert process.wait(30) == 0


def test_it_answers_what_is_in_flight_and_then_ends(address: str) -> None:
    process = start(address, "v1-slow3000")
    busy = http.client.HTTPConnection(address, 8000, timeout=30)
    busy.request("GET", "/")
    # It reads in the order in which requests come: with an answer to this one, it has that one, too.
    assert get(http.client.HTTPConnection(address, 8000, timeout=30), "/health")[0] == 200
    process.send_signal(signal.SIGTERM)
    until(lambda: not listens(address), seconds=20, what="it takes no more")
    assert process.poll() is None
    assert busy.getresponse().status == 200
    assert process.wait(30) == 0


def test_a_crashing_version_exits_1(address: str) -> None:
    assert start(address, "v2-crash").wait(60) == 1


def test_a_task_dies_with_the_process_that_started_it(address: str) -> None:
    code = (
        "import subprocess, sys, time; from lab.tied import tied;"
        "print(subprocess.Popen(tied([sys.executable, '-m', 'lab.app', *sys.argv[1:]])).pid, flush=True);"
        "time.sleep(99)"
    )
    command = [sys.executable, "-c", code, "--address", address, "--port", "8000", "--image", "app:v1"]
    parent = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    until(lambda: listens(address), seconds=60, what="the task listens")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not listens(address), seconds=20, what=f"process {child} ends after its parent")
