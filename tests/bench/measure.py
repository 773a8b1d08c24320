# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run contestants in turns, and keep what each run took."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from lab.playbooks import environment
from tests.bench.contestants import JOBS, OWN, Job, Run, Words, runs
from tests.bench.deployed import BenchFailed, Call, Deployed

Tasks = tuple[tuple[str, float], ...]
"""The action of each task, empty where it was skipped, and the seconds that it took."""


@dataclass(frozen=True)
class Taken:
    """What one run took. ``answering`` is the time in which the lab was at work on its calls."""

    seconds: float
    operations: tuple[str, ...]
    answering: float
    tasks: Tasks


@dataclass(frozen=True)
class Result:
    """All runs of one contestant for one job."""

    taken: tuple[Taken, ...]

    @property
    def seconds(self) -> float:
        """The median time."""
        return median(each.seconds for each in self.taken)

    @property
    def calls(self) -> float:
        """The median number of API calls."""
        return median(len(each.operations) for each in self.taken)

    @property
    def typical(self) -> Taken:
        """The run in the middle."""
        return sorted(self.taken, key=lambda each: each.seconds)[(len(self.taken) - 1) // 2]


Results = Mapping[tuple[str, str], Result]
"""By the names of job and contestant."""


def measure(deployed: Deployed, rounds: int) -> Results:
    """Each round lets every contestant do every job once, so that all of them meet the same machine."""
    found: dict[tuple[str, str], list[Taken]] = defaultdict(list)
    for turn in range(rounds):
        began = time.monotonic()
        for job in JOBS:
            for run in runs(job, deployed):
                found[job.name, run.contestant].append(once(deployed, job, run))
        print(f"round {turn + 1} of {rounds}: {time.monotonic() - began:.0f} s", flush=True)
    return {key: Result(tuple(taken)) for key, taken in found.items()}


def once(deployed: Deployed, job: Job, run: Run) -> Taken:
    """Let one contestant do a job, from the state that the job begins with.

    Raises:
        BenchFailed: a command failed, or the split is not that of the job.
    """
    deployed.set_canary(job.before)
    with tempfile.NamedTemporaryFile(suffix=".json") as times:
        own = {
            "ANSIBLE_CALLBACK_PLUGINS": str(OWN / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_times",
            "TASK_TIMES": times.name,
        }
        began = time.monotonic()
        for words in run.commands:
            _command(words, run.folder, {**environment(deployed.lab), **own})
        seconds = time.monotonic() - began
        text = Path(times.name).read_text()
    calls = deployed.calls()
    if run.shifts and deployed.percent() != job.after:
        raise BenchFailed(f"{run.contestant} left {job.name} at {deployed.percent()} %")
    return Taken(seconds, _operations(calls), sum(call.milliseconds for call in calls) / 1000, _tasks(text))


def _command(words: Words, folder: Path, variables: Mapping[str, str]) -> None:
    done = subprocess.run(words, cwd=folder, env=dict(variables), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchFailed(f"{' '.join(words)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")


def _operations(calls: list[Call]) -> tuple[str, ...]:
    return tuple(call.operation for call in calls)


def _tasks(text: str) -> Tasks:
    return tuple((str(action), float(seconds)) for action, seconds in json.loads(text or "[]"))
