# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of the pattern: what AWX is given, before it is given."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from tests.gates.tools import CHECKOUT

PATTERN = CHECKOUT / "extensions" / "patterns" / "canary_release"
META: dict[str, Any] = json.loads((PATTERN / "meta" / "pattern.json").read_text(encoding="utf-8"))
TEMPLATES: list[dict[str, Any]] = META["aap_resources"]["controller_job_templates"]
WORKFLOW: dict[str, Any] = yaml.safe_load((PATTERN / "playbooks" / "vars" / "workflow.yml").read_text())["awx_workflow"]


def names_of_the_playbooks() -> set[str]:
    """The short names that the playbooks take."""
    text = (CHECKOUT / "playbooks" / "vars" / "names.yml").read_text(encoding="utf-8")
    return set(re.findall(r"\{\{ (\w+) \| default", text))
