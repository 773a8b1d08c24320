# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill a flow in the middle of one of its API calls: ansible-playbook, its workers and the modules that they run."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.client import add_fault, calls_of, clear_faults, faults_of, last_call_of
from lab.playbooks import PLAYBOOKS, command_line, environment
from lab.state import Lab
from tests.application import Application, until

MARK = "CANARY_LAB_VICTIM"
"""An environment variable that a flow's processes inherit: workers are session leaders, so no process group has all."""


ANY = "*"


@dataclass(frozen=True)
class Moment:
    """A call of a flow, by its number among those of an operation, before or after it takes effect."""

    number: int
    operation: str = ANY
    after: bool = False

    def __str__(self) -> str:
        when = "after" if self.after else "before"
        return f"{when} call {self.number}{'' if self.operation == ANY else f' of {self.operation}'}"


def killed(application: Application, playbook: str, moment: Moment, **variables: object) -> dict[str, Any] | None:
    """Run a playbook and kill it with SIGKILL at a moment; the call that was cut off, None where it ended before."""
    lab, mark = application.lab, f"{MARK}={uuid.uuid4()}"
    since = last_call_of(lab)
    kind = "hold-after" if moment.after else "hold-before"
    with _fault(lab, kind, operation=moment.operation, calls=[moment.number]), tempfile.TemporaryFile("w+") as output:
        flow = subprocess.Popen(
            command_line(playbook, {**application.common, **variables}),
            cwd=PLAYBOOKS,
            env=environment(lab) | dict([mark.split("=", 1)]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while not faults_of(lab)[0]["held"]:
                if flow.poll() is not None:
                    output.seek(0)
                    _must_have_ended_well(flow, output.read())
                    return None
                time.sleep(0.1)
        finally:
            kill_all(mark)
            flow.wait()
        # A process that is being killed may hold its connections a moment longer: only then is the call let go of.
        until(lambda: not faults_of(lab)[0]["held"], seconds=10, what="the lab sees that the client is gone")
    return _cut_off(lab, since)


def kill_all(mark: str) -> None:
    """Kill every process that has inherited a mark, until there is none left."""
    while pids := [pid for pid in _processes() if mark in _environment(pid)]:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)


@contextmanager
def _fault(lab: Lab, kind: str, **choice: object) -> Iterator[None]:
    """A fault for as long as the context lasts."""
    add_fault(lab, kind, **choice)
    try:
        yield
    finally:
        clear_faults(lab)


def _must_have_ended_well(flow: subprocess.Popen[bytes], output: str) -> None:
    if flow.returncode:
        pytest.fail(f"exited {flow.returncode} before the moment to kill it\n{output}", pytrace=False)


def _cut_off(lab: Lab, since: int) -> dict[str, Any]:
    """The call whose connection broke; the log has it a moment after the client is gone."""
    deadline = time.monotonic() + 5
    while not (found := [call for call in calls_of(lab, since=since) if call["status"] == 0]):
        assert time.monotonic() < deadline, "no call was cut off"
        time.sleep(0.02)
    return found[-1]


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _environment(pid: int) -> list[str]:
    """The environment that a process was started with; empty where it has ended, or is somebody else's."""
    try:
        return (Path("/proc") / str(pid) / "environ").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return []
