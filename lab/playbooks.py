# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the playbooks against a lab as their user would: from the playbooks folder, by ``ansible-playbook``."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.checkout import CHECKOUT
from lab.state import Lab

PLAYBOOKS = CHECKOUT / "playbooks"
BINARIES = Path(sys.prefix) / "bin"
# What a shell may hold for a real account, or to steer Ansible, has no say in a rehearsal.
FOREIGN_PREFIXES = ("AWS_", "ANSIBLE_")


@dataclass(frozen=True)
class Played:
    """One run of a playbook: what was typed, how it ended, what it printed, how many seconds it took."""

    command: str
    returncode: int
    output: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.returncode == 0


def environment(lab: Lab) -> dict[str, str]:
    """The environment of a user of this checkout whose AWS is the lab."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_PREFIXES)}
    own = {
        "PATH": f"{BINARIES}:{kept.get('PATH', os.defpath)}",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "PYTHONUNBUFFERED": "1",
    }
    return kept | own | lab.environment


def command_line(playbook: str, variables: Mapping[str, object], options: Sequence[str] = ()) -> list[str]:
    """What the user types: ``ansible-playbook canary.yml -e percent=25``."""
    words = ["ansible-playbook", playbook, *options]
    for name, value in variables.items():
        words += ["-e", f"{name}={value}"]
    return words


def play(
    lab: Lab,
    playbook: str,
    variables: Mapping[str, object] | None = None,
    *,
    options: Sequence[str] = (),
    folder: Path = PLAYBOOKS,
    timeout: float = 900,
) -> Played:
    """Run a playbook to its end, in ``folder``, with ``variables`` as extra vars and ``options`` before them."""
    words = command_line(playbook, variables or {}, options)
    began = time.monotonic()
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment(lab),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Played(shlex.join(words), done.returncode, done.stdout, time.monotonic() - began)
