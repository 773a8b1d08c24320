# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab from its command line: up, down, and everything that may happen between the two."""

from __future__ import annotations

import ipaddress
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lab import lifecycle
from lab.checkout import CHECKOUT
from lab.state import Lab, LabError, Process, State, make_root
from lab.status import client_of
from lab.traffic import Traffic
from tests.application import until, watched
from tests.lab.handmade_pair import HandmadePair


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for labs that no other test has, and that must be empty, with no process of its own, at the end."""
    with TemporaryDirectory(prefix="labs-") as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        try:
            yield Path(directory)
            assert processes_of(directory) == []
            assert list(Path(directory).iterdir()) == []
        finally:
            for pid in processes_of(directory):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT ends what is started here. A run that a shell put into the background ignores it, and hands that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def processes_of(runtime: str | Path, within: float = 15) -> list[int]:
    """The processes that were started in ``runtime``; those that are about to end get a moment to do so."""
    mark, deadline = f"XDG_RUNTIME_DIR={runtime}".encode(), time.monotonic() + within
    while True:
        found = [pid for pid in running() if pid != os.getpid() and mark in environment_of(pid)]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def running() -> list[int]:
    """The pids of this machine."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def environment_of(pid: int) -> list[bytes]:
    """A process's environment, as far as it may be read."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def listening(pids: list[int]) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses on which these processes listen (proc_net(5): little-endian words, state 0A)."""
    links = [path.readlink() for pid in pids for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    inodes = {str(link).removeprefix("socket:[").rstrip("]") for link in links if str(link).startswith("socket:[")}
    rows = [line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
    packed = [bytes.fromhex(row[1].partition(":")[0]) for row in rows if row[3] == "0A" and row[9] in inodes]
    words = [[value[start : start + 4][::-1] for start in range(0, len(value), 4)] for value in packed]
    return [ipaddress.ip_address(b"".join(value)) for value in words]


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m lab``."""
    command = [sys.executable, "-m", "lab", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)


def up(name: str, *arguments: str) -> Lab:
    """Bring a lab up by the command line."""
    done = lab("up", "--name", name, *arguments)
    assert done.returncode == 0, done.stderr
    found = State(name).lab()
    assert found is not None
    assert found.endpoint in done.stdout
    return found


def test_a_split_moves_after_the_propagation_delay_and_kill_9_leaves_nothing(runtime: Path) -> None:
    pair = HandmadePair(up("shift", "--propagation-delay", "1"))
    with Traffic(pair.url, rate=200) as traffic:
        begin = traffic.mark()
        pair.shift(50, 50)
        time.sleep(2)
        before = traffic.report(since=begin, until=begin + 0.9)
        until(lambda: traffic.window(0.5).share("v2") > 0, seconds=10, what="clients see the canary")
        after = watched(traffic, 400)
    assert before.share("v2") == 0
    assert after.share("v2") == pytest.approx(50, abs=10)
    assert before.failed == after.failed == 0
    text = lab("status", "--name", "shift").stdout
    assert f"{pair.url}" in text
    assert "canary 50 (50 %), stable 50 (50 %)" in text
    assert "service shop/canary: ACTIVE, 1 running, 0 pending of 1 desired" in text
    addresses = listening(processes_of(runtime, within=0))
    assert len(addresses) == 4, "the endpoint, a listener and two tasks"
    assert all(address.is_loopback for address in addresses)
    daemon = State("shift").process()
    assert daemon is not None
    daemon.send(signal.SIGKILL)
    assert daemon.wait(15)
    assert processes_of(runtime) == []
    assert lab("status", "--name", "shift").stderr.startswith("error: no lab shift is up")
    assert lab("down", "--name", "shift").stdout == "The lab shift is down\n"


def test_two_labs_side_by_side(runtime: Path) -> None:
    with ThreadPoolExecutor() as pool:
        one, two = pool.map(up, ["one", "two"])
    assert one.number != two.number
    client_of(one, "ecs").create_cluster(clusterName="only-in-one")
    assert client_of(two, "ecs").list_clusters()["clusterArns"] == []
    assert shell_settings("one") == one.environment
    assert shell_settings("two")["AWS_ENDPOINT_URL"] == two.endpoint
    assert lab("down", "--name", "one").returncode == 0
    assert client_of(two, "ecs").list_clusters()["clusterArns"] == []
    assert lab("down", "--name", "two").returncode == 0
    assert lab("down", "--name", "two").stdout == "No lab two was up\n"


def shell_settings(name: str) -> dict[str, str]:
    """The AWS variables of a shell that held a real account's and then evaluated what ``env`` prints."""
    bare = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    shell = subprocess.run(
        ["sh", "-c", f'eval "$({sys.executable} -m lab env --name {name})"; env'],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
        env={**bare, "AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "secret", "AWS_REGION": "eu-west-1"},
    )
    return dict(line.split("=", 1) for line in shell.stdout.splitlines() if line.startswith("AWS_"))


def test_a_lab_of_ones_own_ends_with_the_block_that_failed(runtime: Path) -> None:
    with pytest.raises(KeyboardInterrupt), lifecycle.own("trial", propagation_delay=0) as lab:
        assert (lab.name, lab.propagation_delay) == (f"trial-{os.getpid()}", 0)
        assert client_of(lab, "ecs").list_clusters()["clusterArns"] == []
        raise KeyboardInterrupt
    assert list(runtime.iterdir()) == []


def test_up_again_finds_the_same_lab_and_after_kill_9_makes_a_new_one(runtime: Path) -> None:
    first = up("again")
    assert up("again") == first
    refused = lab("up", "--name", "again", "--propagation-delay", "7")
    assert refused.returncode == 1
    assert "up with a propagation delay of 2 s, not 7 s" in refused.stderr
    client_of(first, "ecs").create_cluster(clusterName="old")
    daemon = State("again").process()
    assert daemon is not None
    daemon.send(signal.SIGKILL)
    assert client_of(up("again"), "ecs").list_clusters()["clusterArns"] == []
    assert lab("down", "--name", "again").returncode == 0


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("after", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_up_leaves_nothing_that_down_does_not_clear(
    runtime: Path, number: signal.Signals, after: float
) -> None:
    command = [sys.executable, "-m", "lab", "up", "--name", "cut"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as starting:
        time.sleep(after)
        starting.send_signal(number)
        starting.wait(60)
    if number is signal.SIGINT:
        assert processes_of(runtime) == []
    assert lab("down", "--name", "cut").returncode == 0


def test_an_up_killed_at_its_first_step_leaves_nothing_either(runtime: Path) -> None:
    make_root()
    assert lab("down", "--name", "cut").returncode == 0
    assert list(runtime.iterdir()) == []


def test_a_pid_that_somebody_else_has_now_is_not_killed(runtime: Path) -> None:
    state = State("stale")
    held = state.lock()
    assert held is not None
    with subprocess.Popen(["sleep", "60"]) as stranger:
        now = Process.of(stranger.pid)
        assert now is not None
        state.record_process(Process(stranger.pid, now.started - 1))
        os.close(held)
        assert lab("down", "--name", "stale").returncode == 0
        assert stranger.poll() is None
        stranger.kill()


def test_a_root_that_others_may_write_is_refused(runtime: Path) -> None:
    root = runtime / "canary-ecs-lab"
    root.mkdir(mode=0o777)
    root.chmod(0o777)
    with pytest.raises(LabError, match="is not a private directory"):
        State("lab").lock()
    root.rmdir()


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "a" * 33, "-a"])
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(LabError, match="cannot be a lab's name"):
        State(name)


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--propagation-delay", "-1"],
        ["traffic", "http://127.0.0.1/", "--rate", "0"],
        ["traffic", "nowhere"],
        ["traffic", "http://a/", "--visitors", "-1"],
        [],
        ["fly"],
    ],
)
def test_bad_arguments_end_with_a_usage(arguments: list[str]) -> None:
    done = lab(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m lab")
