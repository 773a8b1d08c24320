# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the community's tools on the collection as they want to find it, whatever machine this is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.checkout import CHECKOUT

ENVIRONMENT = Path(sys.prefix)
# ansible-test keeps the environments of its sanity tests in the home folder: one of our own makes every machine alike.
HOME = ENVIRONMENT / "home"
# What would steer a tool from outside.
STEERING = ("AWS_", "ANSIBLE_", "PYTHON", "PYTEST_")


def tracked(*patterns: str) -> list[Path]:
    """The tracked files that still exist, relative to the checkout; ``patterns`` as ``git ls-files`` takes them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return [Path(name) for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file()]


# Ansible 14, which this environment has on Python 3.12 and newer, comes without awx.awx.
HAS_AWX = any(ENVIRONMENT.glob("lib/python3*/site-packages/ansible_collections/awx"))
NEEDS_AWX = Path("extensions/patterns/canary_release/playbooks/apply.yml")


def collections_folder(parent: Path, *, awx: bool = False) -> Path:
    """Make in ``parent`` a collections folder that holds amazon.aws, as this environment has it, and nothing else.

    With ``awx`` it holds awx.awx as well, where this environment has it.
    """
    (parent / "ansible_collections").mkdir(parents=True)
    for namespace in ("amazon", "awx") if awx and HAS_AWX else ("amazon",):
        installed = next(ENVIRONMENT.glob(f"lib/python3*/site-packages/ansible_collections/{namespace}"))
        (parent / "ansible_collections" / namespace).symlink_to(installed)
    return parent


def run(*command: str | Path, cwd: Path, binaries: Path = ENVIRONMENT / "bin", **settings: str) -> str:
    """Run a tool and return what it printed; unless it exits 0, fail the test with its output.

    ``settings`` are environment variables. Only the collections that they name count: not the link to the checkout
    that this environment has. The PATH has no shims of a Python manager, which stop ansible-test. Bytecode is kept, but
    not in the tree that a tool reads.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(STEERING)}
    path = ":".join([str(binaries), "/usr/local/bin", "/usr/bin", "/bin"])
    own = {"PATH": path, "HOME": str(HOME), "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    tidy = {"MYPY_CACHE_DIR": os.devnull, "PYTHONPYCACHEPREFIX": str(ENVIRONMENT / "bytecode")}
    environment = kept | own | tidy | {"ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false"} | settings
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{' '.join(words)}\nexited {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False)
    return done.stdout
