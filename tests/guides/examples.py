# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of a guide: what its reader may type or put into a file, in the order of the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from lab.checkout import CHECKOUT

BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<block>.*?)^```$|(?<!`)`(?P<span>[^`]+)`(?!`)", re.MULTILINE | re.DOTALL)
# A code span is a command where it begins with one; others are names, options and values.
COMMAND = re.compile(
    r"(ansible(-\w+)?|antsibull-\w+|aws|cd|git|make|pip|podman|python3? -m|time|\./\S+\.sh|\S*\.venv/bin/\S+) \S"
)
# A line with nothing but the name of a file at the top of a YAML example says where it belongs.
FILE = re.compile(r"# (\S+\.yml)\n")


@dataclass(frozen=True)
class Example:
    """One of them: ``kind`` is shell for a block of commands, span for one within a sentence, yaml or output."""

    guide: str
    line: int
    kind: str
    text: str

    @property
    def place(self) -> str:
        """Where it is, as an editor opens it."""
        return f"{self.guide}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that a YAML example belongs in, where it says one."""
        named = FILE.match(self.text)
        return named[1] if named and self.kind == "yaml" else None

    @property
    def data(self) -> Any:
        """What a YAML example holds."""
        return yaml.safe_load(self.text)


def examples_of(guide: str) -> list[Example]:
    """All of one guide, outputs too."""
    text = (CHECKOUT / guide).read_text(encoding="utf-8")
    return [
        Example(guide, text.count("\n", 0, found.start()) + 1, *_kind_and_text(found))
        for found in BLOCK.finditer(text)
        if found["span"] is None or COMMAND.match(found["span"])
    ]


def _kind_and_text(found: re.Match[str]) -> tuple[str, str]:
    if found["span"] is not None:
        return "span", " ".join(found["span"].split())
    kinds = {"": "shell", "shell": "shell", "yaml": "yaml", "text": "output"}
    return kinds[found["language"]], found["block"].rstrip("\n")
