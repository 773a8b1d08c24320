# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference that Ansible generates from the modules, the role and the filters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gates.tools import tracked

MODULES = [name.stem for name in tracked("plugins/modules/*.py")]
FILTERS = [name.stem for name in tracked("plugins/filter/*.yml")]


@pytest.mark.parametrize(("kind", "names"), [("module", MODULES), ("filter", FILTERS)])
def test_ansible_doc_shows_the_plugins(passes: Callable[..., str], kind: str, names: list[str]) -> None:
    whole = [f"canary.ecs.{name}" for name in names]
    shown = json.loads(passes("ansible-doc", "--json", "--type", kind, *whole))
    assert set(shown) == set(whole)
    for plugin in shown.values():
        assert plugin["doc"]["short_description"]
        assert plugin["examples"].strip()
        assert plugin["return"]


def test_ansible_doc_shows_the_role(passes: Callable[..., str]) -> None:
    shown = json.loads(passes("ansible-doc", "--json", "--type", "role", "canary.ecs.canary"))
    entry_points = shown["canary.ecs.canary"]["entry_points"]
    assert set(entry_points) >= {"deploy", "shift", "rollback", "promote", "status", "destroy"}
    for described in entry_points.values():
        assert described["short_description"]
        assert all(option.get("description") for option in described["options"].values())


def test_antsibull_docs_finds_nothing(passes: Callable[..., str]) -> None:
    strict = [
        "--plugin-docs",
        "--skip-rstcheck",
        "--validate-collection-refs=all",
        "--disallow-unknown-collection-refs",
    ]
    passes("antsibull-docs", "lint-collection-docs", *strict, ".")


def test_the_reference_builds_without_a_warning(passes: Callable[..., str], tree: Path, tmp_path: Path) -> None:
    """What ``make docs`` does, on what git tracks."""
    fresh = ["--use-current", "--fail-on-error", "--squash-hierarchy", "--dest-dir"]
    passes("antsibull-docs", "collection", *fresh, tmp_path, "canary.ecs")
    passes("sphinx-build", "-q", "-W", "--keep-going", "-c", tree / "docs" / "docsite", tmp_path, tmp_path / "html")
    assert (tmp_path / "html" / "ecs_canary_weights_module.html").exists()


def test_the_modules_that_the_action_group_names_exist(tree: Path) -> None:
    runtime = (tree / "meta" / "runtime.yml").read_text()
    named = {line.strip("- \n") for line in runtime.splitlines() if line.strip().startswith("- ecs_")}
    assert named == set(MODULES)
