# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is claimed of versions is what ``make versions`` runs: the oldest are those of requirements/oldest.txt."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from ansible_collections.canary.ecs.plugins.module_utils._module import OLDEST_BOTOCORE

from tests.gates.tools import CHECKOUT

OLDEST = (CHECKOUT / "requirements" / "oldest.txt").read_text(encoding="utf-8")
PINNED = dict(re.findall(r"^([\w-]+)==(\S+)$", OLDEST, re.MULTILINE))
AMAZON_AWS = re.findall(r"has amazon\.aws (\S+)\.$", OLDEST, re.MULTILINE)


def read(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def test_the_collection_asks_for_the_oldest_that_it_is_tested_with() -> None:
    assert yaml.safe_load(read("meta/runtime.yml"))["requires_ansible"] == f">={PINNED['ansible-core']}"
    assert [yaml.safe_load(read("galaxy.yml"))["dependencies"]["amazon.aws"]] == [f">={each}" for each in AMAZON_AWS]
    for library in ("boto3", "botocore"):
        assert f"{library}>={PINNED[library]}\n" in read("meta/ee-requirements.txt")
    assert PINNED["botocore"] == OLDEST_BOTOCORE


def test_the_readme_says_the_same() -> None:
    core, boto = PINNED["ansible-core"], PINNED["boto3"].removesuffix(".0")
    said = re.sub(r"\s+", " ", (Path(CHECKOUT) / "README.md").read_text(encoding="utf-8"))
    assert f"ansible-core {core}, amazon.aws {AMAZON_AWS[0]} and boto3 {boto}, or newer" in said
