# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command and every YAML example of README and guides is run, as it is printed, in the order of the text.

`tests.guides.table` has what is put in place of a reader's own names, and what is not run, with the reason.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import lifecycle
from lab.state import Lab
from tests.guides import table
from tests.guides.examples import Example, examples_of
from tests.guides.stage import Desk, Stage
from tests.tools import tracked

MARK = "=== "


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab of one test's own."""
    with lifecycle.own(f"guides-{request.node.callspec.id[:12]}") as found:
        yield found


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """A reader's, who brings up labs as well."""
    found = Desk.of(tmp_path, lab, table.SETTINGS)
    yield found
    found.leave()


def run_of(guides: list[str]) -> list[Example]:
    """What is run of some guides."""
    found = [example for guide in guides for example in examples_of(guide)]
    return [example for example in found if example.kind != "output" and not table.reason_not_to_run(example.text)]


def before(example: Example) -> str:
    """What its reader has done before."""
    wanted = f"{example.guide}: {example.text}\n"
    return "\n".join(script for beginning, script in table.BEFORE.items() if wanted.startswith(beginning))


def as_on_the_stage(text: str, names: dict[str, str]) -> str:
    """An example with the stage's names in place of the reader's."""
    for placeholder, value in table.PLACEHOLDERS.items():
        if placeholder in text:
            text = text.replace(placeholder, re.sub(r"\{(\w+)\}", lambda found: names[found[1]], value))
    return text


def commands(example: Example, names: dict[str, str]) -> str:
    """The shell commands that run an example."""
    text = as_on_the_stage(example.text, names)
    lines = [f'echo "{MARK}{example.place}, after $SECONDS s"', before(example)]
    if example.kind == "span":
        lines.append(f"({text})")
    elif example.kind == "shell":
        lines.append(text)
    else:
        name = example.file or f"{Path(example.guide).stem}-{example.line}.yml"
        lines.append(f"printf %s {shlex.quote(text)} > {name}")
        if example.file is None:
            lines.append(f"ansible-playbook {name}")
    return "\n".join(lines)


# A guide takes some minutes, and several times that where other tests share the machine.
@pytest.mark.timeout(2700)
@pytest.mark.parametrize("name", table.STAGES)
def test_the_examples_of_a_guide_run(name: str, lab: Lab, desk: Desk) -> None:
    stage = Stage(lab)
    if services := table.SERVICES.get(name, table.CART):
        stage.pair(*services)
    examples = run_of(table.STAGES[name])
    done = desk.run("\n".join(commands(example, stage.names) for example in examples))
    (desk.folder / "printed").write_text(done.stdout)
    if done.returncode:
        pytest.fail(f"exited {done.returncode}: {done.stdout.rpartition(MARK)[2]}", pytrace=False)
    assert done.stdout.count(MARK) == len(examples)


def guides() -> list[str]:
    """The guides with examples, on a stage or not."""
    return [str(name) for name in tracked("README.md", "CONTRIBUTING.md", ":(glob)docs/*.md", "*/README.md")]


def test_each_example_is_run_or_listed() -> None:
    staged = {guide for stage in table.STAGES.values() for guide in stage}
    neither = [example.place for guide in guides() if guide not in staged for example in run_of([guide])]
    assert neither == [], "give the guide a stage, or list the example in NOT_RUN"


def test_the_table_holds_nothing_that_is_no_longer_there() -> None:
    examples = [example for guide in guides() for example in examples_of(guide)]
    listed = {table.reason_not_to_run(example.text) for example in examples}
    assert [pattern for pattern in table.NOT_RUN if pattern not in listed] == []
    texts = [f"{example.guide}: {example.text}\n" for example in examples]
    assert [beginning for beginning in table.BEFORE if not any(text.startswith(beginning) for text in texts)] == []
    assert [word for word in table.PLACEHOLDERS if not any(word in text for text in texts)] == []
