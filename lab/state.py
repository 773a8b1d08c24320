# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lab keeps its files, and who holds it.

Each lab has a private directory, ``$XDG_RUNTIME_DIR/canary-ecs-lab/NAME`` or ``/tmp/canary-ecs-lab-UID/NAME``, in it:

- ``lock``: locked (flock) from the moment that ``up`` begins until the daemon has ended. The kernel lets go of it when
  the last holder dies, so a lock that can be had means: whatever else is here was left behind.
- ``process.json``: the daemon's pid and the moment it started. A pid alone may by now be somebody else's.
- ``lab.json``: what the lab is, written when it answers.
- ``daemon.log``, ``calls.log``, ``tasks/``, ``balancers/``: what the daemon and its children write.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.control.settings import METRICS_PERIOD

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class LabError(Exception):
    """Something about a lab that its user must know. The message is a sentence."""


@dataclass(frozen=True)
class Lab:
    """A lab that answers: its name, its number, its AWS endpoint, and how it was started."""

    name: str
    number: int
    endpoint: str
    propagation_delay: float
    low_ports: bool
    metrics_period: float = METRICS_PERIOD

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that send AWS clients to this lab."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "canary-lab",
            "AWS_SECRET_ACCESS_KEY": "canary-lab",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
        }


REGION = "us-east-1"


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one of the same pid."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has ``pid`` now; None when there is none, or it is dead and not yet waited for."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # proc(5): state is field 3, starttime field 22, in clock ticks since the machine started.
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    def alive(self) -> bool:
        """Whether it still runs."""
        return Process.of(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.alive():
            os.kill(self.pid, number)

    def wait(self, timeout: float) -> bool:
        """Wait until it has ended, at most ``timeout`` seconds. Whether it has."""
        deadline = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def root() -> Path:
    """The directory of all labs of this user."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "canary-ecs-lab" if runtime else Path(f"/tmp/canary-ecs-lab-{os.getuid()}")


def make_root() -> Path:
    """Make the directory of all labs, and be sure that it is this user's own.

    Raises:
        LabError: somebody else made it.
    """
    directory = root()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or directory.is_symlink():
        raise LabError(f"{directory} is not a private directory of this user: remove it, or set XDG_RUNTIME_DIR")
    return directory


class State:
    """The files of the lab ``name``, whether it runs or not."""

    def __init__(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise LabError(f"{name!r} cannot be a lab's name: use at most 32 lower-case letters, digits and hyphens")
        self.name = name
        self.directory = root() / name

    @property
    def log(self) -> Path:
        """The daemon's log."""
        return self.directory / "daemon.log"

    def lock(self) -> int | None:
        """Take the lab's lock: an open file descriptor that holds it, or None when somebody else does."""
        while True:
            try:
                make_root()
                self.directory.mkdir(mode=0o700, exist_ok=True)
                held = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            except FileNotFoundError:
                # Removed by a lab that was ending.
                continue
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(held)
                return None
            if self._is_lock(held):
                return held
            # Removed between opening and locking: what is locked now is nobody's file any more.
            os.close(held)

    def _is_lock(self, descriptor: int) -> bool:
        """Whether an open file is still the lab's lock file."""
        try:
            return os.path.samestat(os.fstat(descriptor), (self.directory / "lock").stat())
        except FileNotFoundError:
            return False

    def lab(self) -> Lab | None:
        """The lab, once it answers."""
        found = self._read("lab.json")
        return None if found is None else Lab(**found)

    def process(self) -> Process | None:
        """The daemon, if it is known and runs."""
        found = self._read("process.json")
        process = None if found is None else Process(**found)
        return process if process and process.alive() else None

    def record_lab(self, lab: Lab) -> None:
        """Say that the lab answers."""
        self._write("lab.json", dataclasses.asdict(lab))

    def forget_lab(self) -> None:
        """Say that the lab answers no more."""
        (self.directory / "lab.json").unlink(missing_ok=True)

    def record_process(self, process: Process) -> None:
        """Say which process the daemon is."""
        self._write("process.json", dataclasses.asdict(process))

    def clear(self) -> None:
        """Remove every file but the lock."""
        for path in self.directory.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != "lock":
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove every file, and the directory of all labs with the last of them. Hold the lock."""
        self.clear()
        (self.directory / "lock").unlink(missing_ok=True)
        self.remove_directories()

    def remove_directories(self) -> None:
        """Remove the lab's directory, and that of all labs, as far as they are empty."""
        for directory in (self.directory, self.directory.parent):
            try:
                directory.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = json.loads((self.directory / name).read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found if isinstance(found, dict) else None

    def _write(self, name: str, value: dict[str, Any]) -> None:
        """Put a file in its place in one move."""
        fresh = self.directory / f"{name}.{os.getpid()}"
        fresh.write_text(json.dumps(value))
        fresh.rename(self.directory / name)
