# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the project is worked on: workflows, hooks and releases say nothing that the Makefile or the tools do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.checkout import CHECKOUT
from tests.tools import run, tracked

WORKFLOWS = tracked(".github/workflows/*.yml")
EACH_CHANGE = Path(".github/workflows/ci.yml")
# Targets that test: a machine that nobody waits for runs each of them.
TESTING = {"test", "molecule", "awx", "guides", "demo", "chaos", "permissions", "versions"}
AS_SOMEBODY = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
MAKE = re.compile(r"\bmake (?:--\S+ )*([\w-]+)(?: \w+=\w+)*$")


def loaded(name: Path | str) -> Any:
    return yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8"))


def targets_of_the_makefile() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def commands_of(workflow: Path) -> Iterator[str]:
    """Every command that its jobs run, once for each row of a job's matrix."""
    for job in loaded(workflow)["jobs"].values():
        for target in job.get("strategy", {}).get("matrix", {}).get("target", [""]):
            for step in job["steps"]:
                if "run" in step:
                    yield step["run"].replace("${{ matrix.target }}", target)


def targets_of(workflow: Path) -> set[str]:
    """The targets of the Makefile that its jobs run, and nothing else."""
    commands = list(commands_of(workflow))
    made = [match[1] for command in commands if (match := MAKE.fullmatch(command))]
    assert len(made) == len(commands), commands
    return set(made)


def test_workflows_run_targets_of_the_makefile_and_nothing_else() -> None:
    found = set().union(*map(targets_of, WORKFLOWS))
    assert TESTING <= found <= targets_of_the_makefile()


def test_one_machine_runs_what_each_change_does_but_the_demo() -> None:
    """It ends with the tests, whose last line is the one to read."""
    commands = [line for line in (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8").splitlines() if "make" in line]
    found = [match[1] for line in commands if (match := MAKE.search(line))]
    assert set(found) == targets_of(EACH_CHANGE) - {"demo"}
    assert found[-1] == "test"


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_SESSION_TOKEN", "PYTHONDONTWRITEBYTECODE"])
def test_what_a_shell_holds_does_not_steer_make(passes: Callable[..., str], name: str) -> None:
    """A real account's keys do not meet the lab, and bytecode is kept."""
    shown = passes("make", "--eval", "shown: ; @env", "shown", **{name: "1", "KEPT": "1"})
    assert "KEPT=1" in shown.splitlines()
    assert f"{name}=1" not in shown.splitlines()


def test_hooks_are_the_project_s_own_tools(passes: Callable[..., str]) -> None:
    passes("pre-commit", "validate-config", ".pre-commit-config.yaml")
    repositories = loaded(".pre-commit-config.yaml")["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"], "pinned in requirements/, and only there"
    entries = [hook["entry"] for repository in repositories for hook in repository["hooks"]]
    assert [entry for entry in entries if not entry.startswith((".venv/bin/", "make "))] == []


@pytest.fixture(scope="module")
def released(tree: Path, passes: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of what is tracked, after its next release."""
    repository = tmp_path_factory.mktemp("released") / "canary.ecs"
    run("cp", "-r", tree, repository, cwd=tree)
    passes("git", "init", "--quiet", cwd=repository)
    passes("git", "add", "--all", cwd=repository)
    passes("git", *AS_SOMEBODY, "commit", "--quiet", "--message", "Begin", cwd=repository)
    passes("antsibull-changelog", "release", cwd=repository)
    return repository


def test_the_next_release_can_be_made(released: Path, passes: Callable[..., str]) -> None:
    version = loaded("galaxy.yml")["version"]
    changelog = (released / "CHANGELOG.md").read_text(encoding="utf-8").replace("\\", "")
    assert f"## v{version}" in changelog
    playbooks = {f"canary.ecs.{name.stem}" for name in tracked(":(glob)playbooks/*.yml")}
    assert {name for name in playbooks if name not in changelog} == set()
    passes("antsibull-changelog", "lint", cwd=released)
    passes("reuse", "lint", "--lines", cwd=released)


def test_a_release_leaves_nothing_behind(released: Path, passes: Callable[..., str]) -> None:
    """Beside the changelog, its data, and the fragments that are used up."""
    changed = passes("git", "status", "--porcelain", cwd=released).splitlines()
    found = {line[3:] for line in changed if not line[3:].startswith("changelogs/fragments/")}
    assert found == {"CHANGELOG.md", "changelogs/changelog.yaml"}
