# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a lab up, find it, take it down: what the command line, the demo and the tests use.

Every function may be called at any time, by several processes at once, and after any of them was killed: the lab's lock
(`lab.state`) tells who is at work and what was left behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.checkout import CHECKOUT
from lab.control.settings import METRICS_PERIOD
from lab.state import Lab, LabError, Process, State

NAME = "default"
PROPAGATION_DELAY = 2.0


def up(
    name: str = NAME,
    *,
    propagation_delay: float = PROPAGATION_DELAY,
    metrics_period: float = METRICS_PERIOD,
    timeout: float = 60,
) -> Lab:
    """Start the lab ``name`` and return when it answers; a lab that is up already is returned as it is.

    Raises:
        LabError: it did not start, or runs with another propagation delay or period of metrics.
    """
    if sys.platform != "linux":
        raise LabError("the lab runs on Linux only: elsewhere 127.0.0.0/8 is one address, and children outlive parents")
    state = State(name)
    deadline = time.monotonic() + timeout
    while (lock := state.lock()) is None:
        if (lab := state.lab()) and state.process():
            return _as_asked(lab, propagation_delay, metrics_period)
        if time.monotonic() > deadline:
            raise LabError(f"the lab {name} is being started or ended by another process, and does not answer")
        time.sleep(0.05)
    try:
        return _answering(state, _start(state, lock, propagation_delay, metrics_period), timeout)
    except BaseException:
        # Interrupted, or it never answered: leave nothing half started.
        down(name)
        raise


@contextmanager
def own(
    purpose: str, *, propagation_delay: float = PROPAGATION_DELAY, metrics_period: float = METRICS_PERIOD
) -> Iterator[Lab]:
    """A lab of this process's own, named after its purpose, which ends with the block, however that ends."""
    name = f"{purpose}-{os.getpid()}"
    try:
        yield up(name, propagation_delay=propagation_delay, metrics_period=metrics_period)
    finally:
        down(name)


def down(name: str = NAME, *, timeout: float = 40) -> bool:
    """End the lab ``name``, whatever state it is in, and remove its files. Whether there was anything to end or remove.

    Raises:
        LabError: it is still there after ``timeout`` seconds.
    """
    state = State(name)
    if not state.directory.exists():
        # An `up` that was killed at its first step may have left the directory of all labs.
        state.remove_directories()
        return False
    deadline = time.monotonic() + timeout
    patience = time.monotonic() + timeout / 2
    while (lock := state.lock()) is None:
        if time.monotonic() > deadline:
            raise LabError(f"the lab {name} does not end: see {state.log}")
        if process := state.process():
            process.send(signal.SIGTERM if time.monotonic() < patience else signal.SIGKILL)
            process.wait(max(0.1, patience - time.monotonic()))
        time.sleep(0.05)
    state.remove()
    os.close(lock)
    return True


def find(name: str = NAME) -> Lab:
    """The lab ``name``, which must be up.

    Raises:
        LabError: it is not.
    """
    state = State(name)
    lab = state.lab()
    if lab is None or state.process() is None:
        raise LabError(
            f"no lab {name} is up: start it with `python -m lab up{'' if name == NAME else f' --name {name}'}`"
        )
    return lab


def _start(state: State, lock: int, propagation_delay: float, metrics_period: float) -> subprocess.Popen[bytes]:
    """Remove what an earlier lab left, start the daemon, away from this terminal, and hand it the lock."""
    command = [
        *(sys.executable, "-m", "lab.daemon", state.name, str(lock)),
        *("--propagation-delay", str(propagation_delay), "--metrics-period", str(metrics_period)),
    ]
    try:
        state.clear()
        with state.log.open("ab") as log:
            daemon = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,
                env={key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
            )
        if process := Process.of(daemon.pid):
            state.record_process(process)
        return daemon
    finally:
        os.close(lock)


def _answering(state: State, daemon: subprocess.Popen[bytes], timeout: float) -> Lab:
    """Wait until the daemon answers."""
    deadline = time.monotonic() + timeout
    while (lab := state.lab()) is None:
        if daemon.poll() is not None:
            raise LabError(f"the lab {state.name} did not start:\n{_last_lines(state)}")
        if time.monotonic() > deadline:
            raise LabError(f"the lab {state.name} did not answer within {timeout:g} s:\n{_last_lines(state)}")
        time.sleep(0.05)
    return lab


def _as_asked(lab: Lab, propagation_delay: float, metrics_period: float) -> Lab:
    """The lab that is up already, if it is what was asked for."""
    for what, found, asked in (
        ("a propagation delay", lab.propagation_delay, propagation_delay),
        ("a metrics period", lab.metrics_period, metrics_period),
    ):
        if found != asked:
            raise LabError(f"the lab {lab.name} is up with {what} of {found:g} s, not {asked:g} s: take it down first")
    return lab


def _last_lines(state: State, count: int = 15) -> str:
    """The end of the daemon's log."""
    try:
        return "\n".join(state.log.read_text().splitlines()[-count:])
    except FileNotFoundError:
        return "(it left no log)"
