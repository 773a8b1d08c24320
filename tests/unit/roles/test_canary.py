# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's variables are told in three places, each for its reader: one truth, held together here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

# A new stack has one rule, and its first share is one step.
NOT_FOR_DEPLOY = {"canary_rules", "canary_interval"}

COLLECTION = Path(__file__).parents[3]
ROLE = COLLECTION / "roles/canary"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


DEFAULTS: dict[str, Any] = read(ROLE / "defaults/main.yml")
NAMES: dict[str, str] = read(COLLECTION / "playbooks/vars/names.yml")
ENTRY_POINTS: dict[str, Any] = read(ROLE / "meta/argument_specs.yml")["argument_specs"]
SPECIFIED = {name: option for entry in ENTRY_POINTS.values() for name, option in entry["options"].items()}


def test_every_variable_has_a_short_name_a_default_and_a_meaning() -> None:
    assert set(DEFAULTS) == set(NAMES) == set(SPECIFIED)


@pytest.mark.parametrize("variable", sorted(DEFAULTS))
def test_the_default_is_the_same_everywhere(variable: str) -> None:
    short = variable.removeprefix("canary_")
    match = re.fullmatch(rf"{{{{ {short} \| default\(''\) \| canary\.ecs\.given(?:\((.+)\))? }}}}", NAMES[variable])
    assert match is not None, NAMES[variable]
    assert yaml.safe_load(match.group(1) or "null") == DEFAULTS[variable]
    assert SPECIFIED[variable].get("default") == DEFAULTS[variable]


def test_every_entry_point_has_its_tasks_and_its_arguments() -> None:
    tasks = {path.stem for path in (ROLE / "tasks").glob("*.yml")}
    assert tasks == set(ENTRY_POINTS)


@pytest.mark.parametrize("entry_point", sorted(set(ENTRY_POINTS) - {"main"}))
def test_every_entry_point_takes_what_its_tasks_use(entry_point: str) -> None:
    used: set[str] = set()
    pending = [ROLE / f"tasks/{entry_point}.yml"]
    while pending:
        path = pending.pop()
        text = path.read_text()
        used |= set(re.findall(r"(?<!_)\bcanary_\w+", text)) - {"canary_result"}
        files = re.findall(r"(?:include|import)_tasks: (?:\S*/)?(\w+\.yml)", text)
        pending += [ROLE / "tasks/steps" / name for name in files if "steps" not in str(path) or name != path.name]
    taken = set(ENTRY_POINTS[entry_point]["options"]) | (NOT_FOR_DEPLOY if entry_point == "deploy" else set())
    assert used & set(DEFAULTS) <= taken
