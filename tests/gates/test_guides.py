# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides name only what exists: files, headings, playbooks, variables."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from ansible_collections.canary.ecs.plugins.module_utils._canary.stack import PARAMETERS

from lab.checkout import CHECKOUT
from tests.awx.pattern import names_of_the_playbooks
from tests.tools import tracked

# The site's first page leads to where the guides are in the site: tests/gates/test_documentation.py follows its links.
GUIDES = tracked("*.md", ":!docs/docsite")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]*))?\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# In the text, a guide names a variable of the playbooks as in `percent=25`.
GIVEN = re.compile(r"-e '?([a-z_]+)=")
PLAYBOOK = re.compile(r"ansible-playbook (?:canary\.ecs\.)?([a-z]+)(?:\.yml)?\b")
# Variables that are not the role's: the connection.
CONNECTION = {"region", "profile"}


def text_of(name: Path) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def headings(name: Path) -> set[str]:
    """The anchors that GitHub makes of a file's headings."""
    found = re.findall(r"^#+ (.*)$", FENCE.sub("", text_of(name)), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in found)
    return {heading.strip().replace(" ", "-") for heading in plain}


def broken_links(name: Path) -> Iterator[str]:
    for target, anchor in LINK.findall(text_of(name)):
        whole = (CHECKOUT / name).parent / target if target else CHECKOUT / name
        if not whole.exists():
            yield target
        elif anchor and anchor not in headings(whole.resolve().relative_to(CHECKOUT)):
            yield f"{target}#{anchor}"


def shipped(name: Path) -> bool:
    """Whether the tarball has a file or a folder."""
    ignored = yaml.safe_load(text_of(Path("galaxy.yml")))["build_ignore"]
    return not any(fnmatch(str(part), pattern) for part in (name, *name.parents[:-1]) for pattern in ignored)


def fences(name: Path, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(text_of(name)) if language in languages]


def variables_of_the_playbooks() -> set[str]:
    """The short names that they take, and those of the connection."""
    return names_of_the_playbooks() | CONNECTION


def variables_of_the_patterns() -> set[str]:
    """What the file of an application may set for AWX."""
    files = tracked(":(glob)extensions/patterns/*/playbooks/vars/*.yml")
    return {name for file in files for name in yaml.safe_load(text_of(file))}


def defaults_of_the_stack() -> dict[str, str]:
    """The template's defaults that are a value, by the names of the playbooks; ENABLED is `true` to them."""
    template = text_of(Path("roles/canary/files/canary-stack.template")).partition("\nRules:\n")[0]
    found = re.findall(r'^  (\w+):\n(?:    .*\n)*?    Default: "?([^"\n]+)', template, re.MULTILINE)
    names = {parameter: name for name, parameter in PARAMETERS.items()}
    return {names[parameter]: {"ENABLED": "true"}.get(value, value) for parameter, value in found if parameter in names}


DEFAULTS = defaults_of_the_stack()


@pytest.mark.parametrize("name", GUIDES, ids=str)
def test_links_lead_somewhere(name: Path) -> None:
    assert list(broken_links(name)) == []


@pytest.mark.parametrize("name", [name for name in GUIDES if shipped(name)], ids=str)
def test_guides_in_the_tarball_lead_to_what_is_in_it(name: Path) -> None:
    targets = [(CHECKOUT / name).parent / target for target, _anchor in LINK.findall(text_of(name)) if target]
    found = [target.resolve().relative_to(CHECKOUT) for target in targets]
    assert [str(target) for target in found if not shipped(target)] == []


@pytest.mark.parametrize("name", GUIDES, ids=str)
def test_playbooks_and_their_variables_exist(name: Path) -> None:
    commands = [line for line in text_of(name).splitlines() if "ansible-playbook" in line or line.startswith("  -e ")]
    playbooks = {path.stem for path in tracked("playbooks/*.yml", ":(glob)extensions/patterns/*/playbooks/*.yml")}
    known = variables_of_the_playbooks()
    assert {found for line in commands for found in PLAYBOOK.findall(line)} <= playbooks
    assert {found for line in commands for found in GIVEN.findall(line)} <= known


@pytest.mark.parametrize("name", GUIDES, ids=str)
def test_yaml_in_a_guide_is_yaml(name: Path) -> None:
    for example in fences(name, "yaml"):
        assert yaml.safe_load(example)


@pytest.mark.parametrize("name", GUIDES, ids=str)
def test_shell_in_a_guide_is_shell(name: Path) -> None:
    for example in fences(name, "", "shell", "bash"):
        done = subprocess.run(["bash", "-n"], input=example, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_settings_files_in_the_guides_hold_variables_of_the_playbooks() -> None:
    """A file for ``-e @cart.yml`` is a mapping; other examples are lists of tasks or plays."""
    plain = [yaml.safe_load(example) for name in GUIDES for example in fences(name, "yaml")]
    settings = [given for given in plain if isinstance(given, dict)]
    assert settings
    known = variables_of_the_playbooks() | variables_of_the_patterns()
    assert {variable for given in settings for variable in given} <= known


def test_the_readme_shows_the_two_commands() -> None:
    examples = fences(Path("README.md"), "")
    assert "make demo\n" in examples
    assert "make test\n" in examples


def test_the_guides_name_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(Path("Makefile")), re.MULTILINE))
    named = {target for name in GUIDES for target in re.findall(r"(?:^|`)make ([a-z]+)", text_of(name), re.MULTILINE)}
    assert len(named) > 5
    assert named <= targets


def test_the_guide_to_the_stack_names_all_that_can_be_set_and_all_outputs() -> None:
    guide, template = text_of(Path("docs/stack.md")), text_of(Path("roles/canary/files/canary-stack.template"))
    outputs = re.findall(r"^  (\w+):$", template.partition("\nOutputs:\n")[2], re.MULTILINE)
    assert len(outputs) > 5
    assert [name for name in [*PARAMETERS, *outputs] if f"`{name}`" not in guide] == []


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_the_guide_to_the_stack_has_the_defaults_of_the_template(name: str) -> None:
    rows = [line.strip("| ").split(" | ") for line in text_of(Path("docs/stack.md")).splitlines() if "|" in line]
    names, defaults = next((row[0].split(", "), row[1].split(", ")) for row in rows if f"`{name}`" in row[0])
    assert defaults[names.index(f"`{name}`")] == DEFAULTS[name]
