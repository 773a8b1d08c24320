# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide by error message has every error that a user can meet, and none that the code does not say.

Messages are compared as the code has them, with an ellipsis for each value.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.checkout import CHECKOUT
from tests.tools import tracked

GUIDE = "docs/troubleshooting.md"
# Functions that word a message, or most of one, for whoever raises it.
SPEAKERS = {"_busy", "no_rules", "_short", "_way_out"}
# All messages of these files are about an option's value, and say which value is right.
ABOUT_OPTIONS = {
    f"plugins/module_utils/_canary/{name}.py" for name in ("capacity", "given", "named_groups", "split", "steps")
}
# Others of that kind, by their beginnings; those that begin with the name of an option need no mention.
ALSO_ABOUT_OPTIONS = {
    "… are empty: give one of them.",
    "… given, … missing. Name all three",
    "Give vpc_id and subnet_ids, or neither",
    "Service … cannot be sized like itself: name another one",
}
# A value holds what a reader looks for: the beginning of the message, and the heading that has it.
HEADINGS_OF_OTHERS = {
    "… Waited … s for that": "Target group … has … healthy targets, and needs …",
    "… The shift would wait for that.": "Target group … has … healthy targets, and needs …",
    "… … Find out who shifts these rules": "Somebody else changed the split at the same time",
    "The … …. …": "deployment … of … on service …",
}
# Raised and caught within the collection.
INTERNAL = {"No revision of … is the one to be registered."}


@dataclass(frozen=True)
class Message:
    """What the user is told, and the file that tells it."""

    text: str
    file: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"


def read(name: str | Path) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def worded(node: ast.expr) -> str | None:
    """A text of the code, with an ellipsis for each value; None for what is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return "".join(worded(side) or "…" for side in (node.left, node.right))
    return None


def texts_in(tree: ast.AST) -> Iterator[str]:
    """Every text of some code but its docstrings."""
    parts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in parts:
            yield worded(node) or ""


def told_by(tree: ast.AST) -> Iterator[str]:
    """The messages of a file's errors and warnings, and of those who word them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in SPEAKERS:
            yield from (text for text in texts_in(node) if " " in text.strip())
        elif isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name.endswith("Error") or name in {"warn", "fail_json"}:
                yield worded(node.args[0]) or ""


def tasks_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every task of a file, those of its blocks too."""
    for task in value or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_in(task.get(part))


def told_by_role(file: Path) -> Iterator[str]:
    """The messages of a task file's refusals and failures."""
    for task in tasks_in(yaml.safe_load(read(file))):
        given = task.get("ansible.builtin.assert", {}).get("fail_msg") or task.get("ansible.builtin.fail", {}).get(
            "msg"
        )
        yield re.sub(r"\{\{.*?\}\}", "…", given or "", flags=re.DOTALL)


def messages() -> list[Message]:
    """All that have a word of their own."""
    python = [(str(file), text) for file in tracked("plugins/*.py") for text in told_by(ast.parse(read(file)))]
    role = [(str(file), text) for file in tracked("roles/canary/tasks/*.yml") for text in told_by_role(file)]
    return [Message(text, file) for file, text in python + role if re.search(r"\w", text)]


MESSAGES = messages()
HEADINGS = re.findall(r"^### `(.*)`$", read(GUIDE), re.MULTILINE)


@pytest.fixture(scope="module")
def options(passes: Callable[..., str]) -> set[str]:
    """The options of the modules, and those of the role by their short names."""
    names = [f"canary.ecs.{file.stem}" for file in tracked("plugins/modules/*.py")]
    modules = json.loads(passes("ansible-doc", "--json", *names))
    found = {option for module in modules.values() for option in module["doc"]["options"]}
    specs = yaml.safe_load(read("roles/canary/meta/argument_specs.yml"))["argument_specs"]
    return found | {option.removeprefix("canary_") for spec in specs.values() for option in spec["options"]}


def begins_with_option(text: str, options: set[str]) -> bool:
    """Whether it is about an option's value: ``step is 0: …``, ``…_min is …``."""
    found = re.match(r"([a-z_…]*[a-z_]+)\S* (is|are|has) .+[:.,] \S", text)
    pattern = re.escape(found[1]).replace("…", r"\w+") if found else ""
    return any(re.fullmatch(pattern, option) for option in options)


def is_in_guide(message: Message) -> bool:
    moved = next((to for beginning, to in HEADINGS_OF_OTHERS.items() if message.text.startswith(beginning)), None)
    return moved in HEADINGS if moved else any(heading in message.text for heading in HEADINGS)


def test_each_heading_is_said_by_the_code() -> None:
    plugins = [text for file in tracked("plugins/*.py") for text in texts_in(ast.parse(read(file)))]
    said = plugins + [message.text for message in MESSAGES]
    assert len(HEADINGS) > 50
    assert [heading for heading in HEADINGS if not any(heading in text for text in said)] == []


def test_each_error_is_in_the_guide_or_about_an_option(options: set[str]) -> None:
    known = tuple(ALSO_ABOUT_OPTIONS | INTERNAL)
    missing = [
        str(message)
        for message in MESSAGES
        if not is_in_guide(message)
        and message.file not in ABOUT_OPTIONS
        and not message.text.startswith(known)
        and not begins_with_option(message.text, options)
    ]
    assert missing == [], f"add a section to {GUIDE}"


def test_the_lists_hold_nothing_that_is_no_longer_said() -> None:
    named = {*ALSO_ABOUT_OPTIONS, *HEADINGS_OF_OTHERS, *INTERNAL}
    assert {beginning for beginning in named if not any(each.text.startswith(beginning) for each in MESSAGES)} == set()
    assert {message.file for message in MESSAGES} >= ABOUT_OPTIONS
    code = "".join(read(file) for file in tracked("plugins/module*/*.py"))
    assert {name for name in SPEAKERS if f"def {name}(" not in code} == set()


def test_no_heading_is_there_twice() -> None:
    assert len(set(HEADINGS)) == len(HEADINGS)
