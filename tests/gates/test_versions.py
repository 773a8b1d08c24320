# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is claimed of versions is what ``make versions`` runs: the oldest are those of requirements/oldest.txt."""

from __future__ import annotations

import re

import yaml
from ansible_collections.canary.ecs.plugins.module_utils._module import OLDEST_BOTOCORE

from lab.checkout import CHECKOUT
from tests.versions.__main__ import CLAIMED

HAS = CLAIMED[0].has
PINNED = dict(
    re.findall(r"^([\w-]+)==(\S+)$", (CHECKOUT / "requirements" / "oldest.txt").read_text("utf-8"), re.MULTILINE)
)


def read(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def test_the_collection_asks_for_the_oldest_that_it_is_tested_with() -> None:
    assert yaml.safe_load(read("meta/runtime.yml"))["requires_ansible"] == f">={PINNED['ansible-core']}"
    assert yaml.safe_load(read("galaxy.yml"))["dependencies"]["amazon.aws"] == f">={HAS['amazon.aws']}"
    assert (PINNED["ansible-core"], PINNED["boto3"]) == (HAS["ansible-core"], HAS["boto3"])
    for library in ("boto3", "botocore"):
        assert f"{library}>={PINNED[library]}\n" in read("meta/ee-requirements.txt")
    assert PINNED["botocore"] == OLDEST_BOTOCORE


def test_the_readme_says_the_same() -> None:
    core, boto = PINNED["ansible-core"], PINNED["boto3"].removesuffix(".0")
    said = re.sub(r"\s+", " ", (CHECKOUT / "README.md").read_text(encoding="utf-8"))
    assert f"ansible-core {core}, amazon.aws {HAS['amazon.aws']} and boto3 {boto}, or newer" in said


def test_whatever_else_names_versions_names_these() -> None:
    for library in ("boto3", "botocore"):
        assert read("plugins/doc_fragments/attributes.py").count(f"- {library} >= {PINNED[library]}\n") == 2
    said = f"ansible-core {HAS['ansible-core']} or newer, on Python {CLAIMED[0].python} or newer, with amazon.aws "
    assert said + HAS["amazon.aws"] in read("docs/first-canary.md")
    role = yaml.safe_load(read("roles/canary/meta/main.yml"))["galaxy_info"]["min_ansible_version"]
    assert HAS["ansible-core"].startswith(f"{role}.")


def test_one_version_of_the_collection_is_named_everywhere() -> None:
    version = yaml.safe_load(read("galaxy.yml"))["version"]
    pattern = "extensions/patterns/canary_release/execution_environments/execution-environment.yml"
    for name in ("README.md", "docs/first-canary.md", pattern):
        assert set(re.findall(r"canary-ecs-([\d.]+)\.tar\.gz", read(name))) == {version}, name
    assert set(re.findall(r"canary_ecs_ee:([\d.]+\d)", read("docs/awx.md"))) == {version}
