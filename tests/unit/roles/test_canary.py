# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's variables are told in three places, each for its reader: one truth, held together here."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.canary.ecs.plugins.filter import flows

# What an entry point reads in order to refuse it: a stack is deployed and destroyed as a whole, and the first share is
# one in percent.
_NAMED = {"canary_cluster", "canary_stable_service", "canary_canary_service"}
REFUSED = {"deploy": _NAMED | {"canary_stable_weight", "canary_canary_weight"}, "destroy": _NAMED}

COLLECTION = Path(__file__).parents[3]
ROLE = COLLECTION / "roles/canary"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


DEFAULTS: dict[str, Any] = read(ROLE / "defaults/main.yml")
NAMES: dict[str, str] = read(COLLECTION / "playbooks/vars/names.yml")
ENTRY_POINTS: dict[str, Any] = read(ROLE / "meta/argument_specs.yml")["argument_specs"]
ASKED: dict[str, str] = read(ROLE / "vars/main.yml")["_canary_asked"]
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


class Options(dict[str, Any]):
    """The options of a flow, which notes those that are asked for."""

    def __init__(self) -> None:
        short = {name.removeprefix("canary_"): value for name, value in DEFAULTS.items()}
        super().__init__({**short, "percent": 25})
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(f"canary_{name}")
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(f"canary_{name}")
        return super().get(name, default)


def read_by_filters(text: str) -> set[str]:
    """The variables that the filters of a task file read: the file gives them all options, or all of a stack's."""
    options = Options()
    for name in re.findall(r"canary\.ecs\.(\w+)", text):
        if name in ("named", "target"):
            getattr(flows, name)(options)
        elif name in ("shift_plan", "rollback_plan", "promote_plan"):
            with suppress(KeyError):
                getattr(flows, name)({}, options)
    asked = {f"canary_{name}" for name in ASKED} if "_canary_asked" in text else set()
    return options.read | asked


def task_files(entry_point: str) -> list[str]:
    """The text of its task file, and of those that it includes."""
    found: dict[Path, str] = {}
    pending = [ROLE / f"tasks/{entry_point}.yml"]
    while pending:
        path = pending.pop()
        found[path] = path.read_text()
        names = re.findall(r"(?:include|import)_tasks: (\S+\.yml)", found[path])
        pending += [file for name in names if (file := path.parent / name) not in found]
    return list(found.values())


@pytest.mark.parametrize("entry_point", sorted(ENTRY_POINTS))
def test_every_entry_point_takes_what_its_tasks_read_and_nothing_else(entry_point: str) -> None:
    used: set[str] = set()
    for text in task_files(entry_point):
        used |= set(re.findall(r"(?<!_)\bcanary_\w+", text)) & set(DEFAULTS)
        used |= read_by_filters(text)
    taken = set(ENTRY_POINTS[entry_point]["options"])
    assert taken == used - REFUSED.get(entry_point, set())
