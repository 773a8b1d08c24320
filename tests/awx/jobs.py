# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a job as AWX does: ansible-runner, with a folder that holds its inventory, its variables and its environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from lab.checkout import CHECKOUT

RUNNER = Path(sys.prefix) / "bin" / "ansible-runner"
# What the shell of a test may hold has no say in a job.
FOREIGN = ("AWS_", "ANSIBLE_", "CONTROLLER_")


@dataclass(frozen=True)
class Job:
    """What AWX hands to ansible-runner; ``hosts`` have their variables, ``environment`` is that of its credentials.

    ``trusted`` are those of its template: the others come from whoever starts a job, and may hold no template.
    """

    playbook: str
    variables: Mapping[str, Any]
    trusted: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class _Untrusted(yaml.SafeDumper):
    """Marks each text as one that Ansible must not template."""

    def represent_data(self, data: Any) -> yaml.Node:
        """A value as YAML."""
        return self.represent_scalar("!unsafe", data) if isinstance(data, str) else super().represent_data(data)


def extra_variables(job: Job) -> str:
    """The file of extra variables, as AWX writes it."""
    parts = [
        yaml.dump({name: value}, Dumper=yaml.SafeDumper if job.trusted.get(name) == value else _Untrusted)
        for name, value in job.variables.items()
    ]
    return "".join(parts)


@dataclass(frozen=True)
class Ran:
    """A job that has ended: how, and what ansible-runner has kept of it."""

    returncode: int
    folder: Path

    @cached_property
    def output(self) -> str:
        """What AWX shows, without colours."""
        return re.sub(r"\x1b\[[\d;]*m|\r", "", (self.folder / "stdout").read_text())

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What happened, in order."""
        found = [json.loads(path.read_text()) for path in (self.folder / "job_events").glob("*.json")]
        return sorted(found, key=lambda event: event["counter"])

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The data of the events of a kind."""
        return [event["event_data"] for event in self.events if event["event"] == kind]

    def news_of(self, task: str) -> list[str]:
        """The lines that AWX shows under a task before it has ended."""
        own = [event for event in self.events if event["event_data"].get("task") == task]
        (end,) = (event["counter"] for event in own if event["event"] == "runner_on_ok")
        return [event["stdout"] for event in own if event["event"] == "verbose" and event["counter"] < end]

    @property
    def artifacts(self) -> dict[str, Any]:
        """What the job passes on to the next ones."""
        found: dict[str, Any] = self.of("playbook_on_stats")[-1]["artifact_data"]
        return found


def run(job: Job, folder: Path, **environment: str) -> Ran:
    """Run a job from the checkout, in an empty folder, with more ``environment`` than its credentials give."""
    for part in ("env", "inventory"):
        (folder / part).mkdir(parents=True)
    (folder / "env" / "extravars").write_text(extra_variables(job))
    (folder / "env" / "envvars").write_text(json.dumps({**job.environment, **environment}))
    (folder / "inventory" / "hosts.yml").write_text(json.dumps({"all": {"hosts": job.hosts}}))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    done = subprocess.run(
        [RUNNER, "run", folder, "--playbook", job.playbook, "--project-dir", CHECKOUT, "--ident", "job", "--quiet"],
        env=kept | {"PATH": f"{RUNNER.parent}:{kept.get('PATH', os.defpath)}"},
        capture_output=True,
        check=False,
    )
    return Ran(done.returncode, folder / "artifacts" / "job")
