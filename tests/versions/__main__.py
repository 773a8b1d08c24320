# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units, sanity and the flows on the lab, on each set of versions that is claimed: ``make versions``.

Each set has an environment of its own in ``.venv/versions``. A set whose Python is not on this machine, or that is not
what it is named for, is a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lab.checkout import CHECKOUT

ENVIRONMENTS = CHECKOUT / ".venv" / "versions"
REQUIREMENTS = CHECKOUT / "requirements"
TESTS = ["tests/unit", "tests/gates/test_ansible_test.py", "tests/integration"]
WORKERS = ["--numprocesses", "3", "--dist", "loadfile", "--no-loadscope-reorder"]
# What an environment has, as itself tells it.
TELL = """
import json, platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
found = Path(next(iter(find_spec("ansible_collections.amazon").submodule_search_locations)))
manifest = json.loads((found / "aws" / "MANIFEST.json").read_text())
print(json.dumps({
    "Python": platform.python_version(), "ansible-core": version("ansible-core"),
    "amazon.aws": manifest["collection_info"]["version"], "boto3": version("boto3"),
}))
"""


@dataclass(frozen=True)
class Versions:
    """A set of versions: a Python, what the set has, or how that begins, and what overrides the pinned requirements."""

    name: str
    python: str
    has: dict[str, str]
    overrides: Path | None = None

    @property
    def environment(self) -> Path:
        """Where it is installed."""
        return ENVIRONMENTS / self.name

    @property
    def interpreter(self) -> Path:
        """The Python of that environment."""
        return self.environment / "bin" / "python"


CLAIMED = [
    Versions(
        "oldest",
        "3.11",
        {"ansible-core": "2.19.1", "amazon.aws": "10.1.1", "boto3": "1.40.0"},
        overrides=REQUIREMENTS / "oldest.txt",
    ),
    Versions("pinned", "3.11", {"ansible-core": "2.19.", "amazon.aws": "10."}),
    Versions("newest", "3.13", {"ansible-core": "2.21.", "amazon.aws": "11."}),
]


def interpreter(version: str) -> str | None:
    """A Python of this version that starts: of the PATH, or of pyenv, whose shims start only the chosen ones."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    own = [sys.executable, shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))]
    question = f"import sys; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
    for found in filter(None, own):
        if subprocess.run([found, "-c", question], capture_output=True, check=False).returncode == 0:
            return str(found)
    return None


def install(versions: Versions, python: str) -> dict[str, str]:
    """Make the environment anew, and tell what it has."""
    uv = [str(Path(sys.prefix) / "bin" / "uv")]
    target = ["--quiet", "--python", str(versions.interpreter), "--requirement", str(REQUIREMENTS / "test.txt")]
    overrides = ["--overrides", str(versions.overrides)] if versions.overrides else []
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", python, str(versions.environment)], check=True)
    subprocess.run([*uv, "pip", "install", *target, *overrides], check=True)
    subprocess.run([str(versions.interpreter), "-m", "lab.link"], cwd=CHECKOUT, check=True)
    told = subprocess.run([str(versions.interpreter), "-c", TELL], capture_output=True, text=True, check=True)
    return dict(json.loads(told.stdout))


def tried(versions: Versions, more: list[str]) -> bool:
    """Run the tests in the environment; whether all of them passed."""
    command = [str(versions.interpreter), "-m", "pytest", "-q", *WORKERS, *(more or TESTS)]
    path = f"{versions.interpreter.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(command, cwd=CHECKOUT, env={**os.environ, "PATH": path}, check=False).returncode == 0


def row(versions: Versions, more: list[str]) -> tuple[bool, str]:
    """Try a set of versions; whether nothing failed, and the line that tells of it."""
    python = interpreter(versions.python)
    if python is None:
        return False, f"{versions.name:<8} not run: there is no Python {versions.python} on this machine"
    begin = time.monotonic()
    has = install(versions, python)
    wrong = {name: has[name] for name, wanted in versions.has.items() if not has[name].startswith(wanted)}
    if wrong:
        return False, f"{versions.name:<8} not run: {wrong} was installed, not {versions.has}"
    passed = tried(versions, more)
    word = "passed" if passed else "FAILED"
    shown = ", ".join(f"{name} {version}" for name, version in has.items())
    return passed, f"{versions.name:<8} {word} in {time.monotonic() - begin:.0f} s: {shown}"


def main() -> int:
    """Run on all of them, and end with a line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=__doc__)
    names = [versions.name for versions in CLAIMED]
    parser.add_argument("--only", choices=names, action="append", help="leave the others out; can be given again")
    parser.add_argument("pytest", nargs="*", help=f"what to run instead of {' '.join(TESTS)}")
    options = parser.parse_args()
    rows = [row(versions, options.pytest) for versions in CLAIMED if versions.name in (options.only or names)]
    sys.stdout.write("\n" + "\n".join(line for _passed, line in rows) + "\n")
    return 0 if all(passed for passed, _line in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
