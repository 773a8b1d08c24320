# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as its users install it: built, installed from the tarball, and run from an empty folder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.checkout import CHECKOUT
from lab.playbooks import BINARIES, environment
from tests.application import Application
from tests.tools import collections_folder


@pytest.fixture(scope="module")
def ansible_playbook(
    application: Application, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``ansible-playbook`` where only amazon.aws and the built collection are installed, in an empty folder."""
    folder = tmp_path_factory.mktemp("installed")
    collections = collections_folder(folder)
    settings = environment(application.lab) | {
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
        "HOME": str(folder),
    }

    def run(*words: str | Path, cwd: Path = folder) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=cwd, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    galaxy = BINARIES / "ansible-galaxy"
    built = run(galaxy, "collection", "build", "--output-path", folder, cwd=CHECKOUT)
    assert built.returncode == 0, built.stderr
    tarball = next(folder.glob("*.tar.gz"))
    installed = run(galaxy, "collection", "install", "--offline", "--collections-path", collections, tarball)
    assert installed.returncode == 0, installed.stderr
    empty = folder / "empty"
    empty.mkdir()
    names = [f"-e{name}={value}" for name, value in application.common.items()]
    return lambda *words, cwd=empty: run(BINARIES / "ansible-playbook", *words, *names, cwd=cwd)


def test_the_playbooks_run_from_anywhere_by_their_full_names(
    application: Application, ansible_playbook: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    played = ansible_playbook("canary.ecs.canary", "-e", "percent=25")
    assert played.returncode == 0, played.stdout + played.stderr
    assert application.split() == (75, 25)


def test_status_shows_what_the_aws_cli_reads(
    application: Application, ansible_playbook: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    played = ansible_playbook("canary.ecs.status")
    assert played.returncode == 0, played.stdout + played.stderr
    rule = application.aws("elbv2", "describe-rules", "--rule-arns", application.outputs["RuleArn"])["Rules"][0]
    weights = sorted(group["Weight"] for group in rule["Actions"][0]["ForwardConfig"]["TargetGroups"])
    assert weights == [25, 75]
    assert application.outputs["Url"] in played.stdout
    assert "75" in played.stdout and "25" in played.stdout
    assert "shop:v1" in played.stdout and "shop:v2" in played.stdout


def test_a_deployment_from_the_installed_collection_finds_its_template(
    application: Application, ansible_playbook: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    before = application.state
    played = ansible_playbook("canary.ecs.deploy")
    assert played.returncode == 0, played.stdout + played.stderr
    assert application.state == before
