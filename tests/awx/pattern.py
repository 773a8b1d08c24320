# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of the pattern: what AWX is given, before it is given."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from lab.checkout import CHECKOUT

PATTERN = CHECKOUT / "extensions" / "patterns" / "canary_release"
META: dict[str, Any] = json.loads((PATTERN / "meta" / "pattern.json").read_text(encoding="utf-8"))
TEMPLATES: list[dict[str, Any]] = META["aap_resources"]["controller_job_templates"]
WORKFLOW: dict[str, Any] = yaml.safe_load((PATTERN / "playbooks" / "vars" / "workflow.yml").read_text())["awx_workflow"]


NAMES = re.compile(r"^(\w+): \"\{\{ (\w+) \| default", re.MULTILINE)


def names_of_the_playbooks() -> set[str]:
    """The short names that the playbooks take."""
    return set(_variables())


def options_of(playbook: str) -> dict[str, dict[str, Any]]:
    """What a playbook takes, by short name: the options of the role's entry point that it runs."""
    (play,) = yaml.safe_load((CHECKOUT / "playbooks" / playbook).read_text(encoding="utf-8"))
    (entry,) = (task["ansible.builtin.include_role"]["tasks_from"] for task in play["tasks"])
    specs = yaml.safe_load((CHECKOUT / "roles/canary/meta/argument_specs.yml").read_text(encoding="utf-8"))
    options = specs["argument_specs"][entry]["options"]
    return {name: options[variable] for name, variable in _variables().items() if variable in options}


def _variables() -> dict[str, str]:
    """The role's variables by the short names that the playbooks have for them."""
    text = (CHECKOUT / "playbooks" / "vars" / "names.yml").read_text(encoding="utf-8")
    return {name: variable for variable, name in NAMES.findall(text)}
