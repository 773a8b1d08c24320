# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The execution environment: ansible-builder takes its definition, and finds in the collection what Python it needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from lab.checkout import CHECKOUT
from tests.awx.pattern import PATTERN
from tests.tools import ENVIRONMENT, collections_folder, run
from tests.versions.__main__ import CLAIMED

DEFINITION = PATTERN / "execution_environments" / "execution-environment.yml"
GALAXY: dict[str, Any] = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))
# What `make test` and these tests run on.
(PINNED,) = (versions.has for versions in CLAIMED if versions.name == "pinned")
TARBALL = f"{GALAXY['namespace']}-{GALAXY['name']}-{GALAXY['version']}.tar.gz"


def requirements(text: str) -> dict[str, Requirement]:
    """Requirements by name, of lines as pip reads them."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return {found.name: found for found in map(Requirement, filter(None, lines))}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ansible-builder makes of the definition, in a checkout where the collection has just been built."""
    checkout = tmp_path_factory.mktemp("checkout")
    definition = checkout / DEFINITION.relative_to(CHECKOUT)
    definition.parent.mkdir(parents=True)
    definition.write_text(DEFINITION.read_text(encoding="utf-8"), encoding="utf-8")
    (checkout / TARBALL).write_text("the built collection")
    run("ansible-builder", "create", "--file", definition, "--output-filename", "Containerfile", cwd=checkout)
    return checkout / "context"


def test_the_image_gets_both_collections(context: Path) -> None:
    wanted = yaml.safe_load((context / "_build" / "requirements.yml").read_text(encoding="utf-8"))["collections"]
    amazon, ours = wanted
    major = int(PINNED["amazon.aws"].removesuffix("."))
    assert {amazon["name"]: amazon["version"]} == {"amazon.aws": f"{GALAXY['dependencies']['amazon.aws']},<{major + 1}"}
    assert (context / "_build" / ours["name"]).read_text() == "the built collection"


def test_the_image_gets_ansible_core_as_claimed_and_looks_for_what_the_collections_need(context: Path) -> None:
    text = (context / "Containerfile").read_text(encoding="utf-8")
    installed = re.search(r'^ARG ANSIBLE_INSTALL_REFS="(.*)"$', text, re.MULTILINE)
    assert installed
    asked = requirements(installed[1].replace(" ", "\n"))
    assert set(asked) == {"ansible-core", "ansible-runner"}
    claimed = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["requires_ansible"]
    major, minor = map(int, PINNED["ansible-core"].removesuffix(".").split("."))
    assert {claimed, f"<{major}.{minor + 1}"} == set(str(asked["ansible-core"].specifier).split(","))
    assert "introspect.py introspect" in text


def test_ansible_builder_finds_what_the_collection_needs(tmp_path: Path) -> None:
    folder = collections_folder(tmp_path)
    (folder / "ansible_collections" / "canary").mkdir()
    (folder / "ansible_collections" / "canary" / "ecs").symlink_to(CHECKOUT)
    pip, bindep = tmp_path / "pip.txt", tmp_path / "bindep.txt"
    run("ansible-builder", "introspect", f"--write-pip={pip}", f"--write-bindep={bindep}", folder, cwd=tmp_path)
    ours = [line for line in pip.read_text().splitlines() if "canary.ecs" in line]
    assert set(requirements("\n".join(ours))) == {"boto3", "botocore"}
    assert not bindep.exists() or "canary.ecs" not in bindep.read_text()


def test_the_boto3_of_the_collection_will_do_for_amazon_aws() -> None:
    folder = next(ENVIRONMENT.glob("lib/python3*/site-packages/ansible_collections/amazon/aws"))
    theirs = requirements((folder / "requirements.txt").read_text(encoding="utf-8"))
    ours = requirements((CHECKOUT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8"))
    assert set(ours) == set(theirs)
    for name, found in ours.items():
        assert [theirs[name].specifier.contains(part.version) for part in found.specifier] == [True]
