# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball: what is in it, that it works alone, and that Galaxy's importer takes it."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools import ENVIRONMENT, HAS_AWX, NEEDS_AWX, collections_folder, run

ALLOWED = {
    "CHANGELOG.md",
    "COPYING",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "extensions",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
# What a checkout holds beside the tracked files, and must not reach a user.
LEFTOVERS = [".venv/lib/x.py", ".hypothesis/x", ".env", "build/x", "plugins/modules/__pycache__/x.pyc", "x.retry"]


@pytest.fixture(scope="module")
def tarball(tree: Path, passes: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a tree that has been worked in."""
    for leftover in LEFTOVERS:
        (tree / leftover).parent.mkdir(parents=True, exist_ok=True)
        (tree / leftover).write_text("")
    folder = tmp_path_factory.mktemp("tarball")
    passes("ansible-galaxy", "collection", "build", "--output-path", folder)
    return next(folder.glob("canary-ecs-*.tar.gz"))


@pytest.fixture(scope="module")
def installed(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """`run`, in an empty folder, where amazon.aws and the installed tarball are the only collections."""
    collections = collections_folder(tmp_path_factory.mktemp("installed"))
    here = tmp_path_factory.mktemp("empty")
    install = ["ansible-galaxy", "collection", "install", "--offline", "--no-deps", "-p", collections, tarball]
    run(*install, cwd=here, ANSIBLE_COLLECTIONS_PATH=str(collections))

    def in_an_empty_folder(*command: str) -> str:
        return run(*command, cwd=here, ANSIBLE_COLLECTIONS_PATH=str(collections))

    return in_an_empty_folder


def test_the_tarball_holds_only_what_belongs_in_it(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = [Path(member.name) for member in archive.getmembers()]
    assert {name.parts[0] for name in names if name.parts} <= ALLOWED
    assert [name for name in names if any(part.startswith(".") or part == "__pycache__" for part in name.parts)] == []
    assert [name for name in names if "molecule" in name.parts] == [], "it needs the lab, which stays in the repository"


def test_an_installed_module_shows_its_documentation(installed: Callable[..., str]) -> None:
    name = "canary.ecs.ecs_canary_weights"
    assert name in json.loads(installed("ansible-doc", "--json", "-t", "module", name))


@pytest.mark.parametrize("playbook", ["deploy", "canary", "rollback", "promote", "status", "destroy"])
def test_an_installed_playbook_is_found_by_name(installed: Callable[..., str], playbook: str) -> None:
    assert "playbook: " in installed("ansible-playbook", f"canary.ecs.{playbook}", "--syntax-check")


def test_galaxy_importer_accepts_the_tarball(tarball: Path, tree: Path, tmp_path: Path) -> None:
    """Without an error or a warning, where its ansible-doc and ansible-lint find every collection that is named."""
    binaries = ENVIRONMENT / "importer" / "bin"
    named = collections_folder(tmp_path / "named", awx=True)
    (named / "ansible_collections" / "canary").symlink_to(tree.parent)
    found = {"PYTHONPATH": str(named), "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "true"}
    shutil.copy2(tarball, tmp_path)
    printed = run(
        binaries / "python", "-m", "galaxy_importer.main", tarball.name, cwd=tmp_path, binaries=binaries, **found
    )
    complaints = [line for line in printed.splitlines() if line.startswith(("ERROR", "WARNING"))]
    if not HAS_AWX:
        complaints = [line for line in complaints if str(NEEDS_AWX) not in line]
    assert complaints == [], printed
    result = json.loads((tmp_path / "importer_result.json").read_text())
    assert {content["name"] for content in result["contents"]} >= {"canary", "ecs_canary_weights"}
