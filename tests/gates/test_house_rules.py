# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the house that no linter knows, read from the code itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.checkout import CHECKOUT
from tests.tools import tracked

PURE = tracked("plugins/module_utils/_canary/*.py")
PLUGINS = tracked("plugins/*.py")
MODULES = tracked("plugins/modules/*.py")
CODE = tracked("*.py")
OURS = "ansible_collections.canary.ecs.plugins."
LONGEST_FUNCTION = 45

# Standard modules that compute and neither read a clock, nor do I/O, nor draw lots.
COMPUTING = {
    "__future__", "abc", "bisect", "collections", "dataclasses", "decimal", "enum", "fractions", "functools",
    "heapq", "itertools", "json", "math", "operator", "re", "statistics", "string", "textwrap", "types", "typing",
}  # fmt: skip
EXITS = {"exit_json", "fail_json", "fail_json_aws", "exit"}
CLIENT_CALLS = {"get_paginator", "get_waiter"}
# Folders of the machine that a file was written on.
MACHINE = re.compile(rf"/work/|/tmp/(?!canary-ecs)|/root\b|/home/(?!\S*\bansible/)\w|{re.escape(str(CHECKOUT))}")


def parsed(name: Path) -> ast.Module:
    return ast.parse((CHECKOUT / name).read_text(encoding="utf-8"))


def imports(name: Path) -> Iterator[str]:
    """The whole name of every module that a file imports."""
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno} imports relatively"
            yield str(node.module)


def functions(name: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def methods_called(node: ast.AST) -> Iterator[tuple[str, int]]:
    """The name and line of every ``something.name(...)`` below a node."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            yield inner.func.attr, inner.lineno


@pytest.mark.parametrize("name", PURE, ids=str)
def test_the_pure_package_only_computes(name: Path) -> None:
    allowed = f"{OURS}module_utils._canary."
    assert [
        module for module in imports(name) if not module.startswith(allowed) and module.split(".")[0] not in COMPUTING
    ] == []


@pytest.mark.parametrize("name", PLUGINS, ids=str)
def test_imports_run_one_way(name: Path) -> None:
    """Modules use the packages below them, and ``_aws`` the pure one; nothing imports a module."""
    ours = [module.removeprefix(OURS) for module in imports(name) if module.startswith(OURS)]
    assert [module for module in ours if module.startswith("modules.")] == []
    if "_aws" in name.parts:
        above = [module for module in ours if not module.startswith(("module_utils._aws.", "module_utils._canary."))]
        assert not above, "\n".join(above)


@pytest.mark.parametrize("name", [name for name in PLUGINS if name.name != "_module.py"], ids=str)
def test_only_main_exits(name: Path) -> None:
    """Below ``main()`` there are only exceptions; ``_module.run``, which main calls, turns them into the exit."""
    exits = [
        f"{name}:{line} {method}"
        for function in functions(name)
        if function.name != "main"
        for method, line in methods_called(function)
        if method in EXITS
    ]
    assert not exits, "\n".join(exits)


@pytest.mark.parametrize("name", [name for name in PLUGINS if name.name != "calls.py"], ids=str)
def test_only_one_door_leads_to_aws(name: Path) -> None:
    """An API call is retried, paged and put in words by ``_aws.calls``, and made nowhere else."""
    libraries = [module for module in imports(name) if module.split(".")[0] in {"boto3", "botocore"}]
    clients = [f"{name}:{line} {method}" for method, line in methods_called(parsed(name)) if method in CLIENT_CALLS]
    named = [
        f"{name}:{node.lineno} aws_retry"
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.keyword) and node.arg == "aws_retry"
    ]
    doors = libraries + clients + named
    assert not doors, "\n".join(doors)


@pytest.mark.parametrize("name", MODULES, ids=str)
def test_a_module_has_a_thin_main(name: Path) -> None:
    mains = [function for function in functions(name) if function.name == "main"]
    assert len(mains) == 1
    assert mains[0].end_lineno is not None
    assert mains[0].end_lineno - mains[0].lineno < 20


@pytest.mark.parametrize("name", CODE, ids=str)
def test_functions_are_small(name: Path) -> None:
    long = [
        f"{name}:{function.lineno} {function.name}: {function.end_lineno - function.lineno + 1} lines"
        for function in functions(name)
        if function.end_lineno and function.end_lineno - function.lineno >= LONGEST_FUNCTION
    ]
    assert not long, "\n".join(long)


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    found = []
    for name in tracked():
        if name == Path(__file__).relative_to(CHECKOUT):
            continue
        lines = (CHECKOUT / name).read_text(encoding="utf-8", errors="replace").splitlines()
        found += [f"{name}:{number}: {line}" for number, line in enumerate(lines, 1) if MACHINE.search(line)]
    assert not found, "\n".join(found)


def test_a_check_is_switched_off_only_with_a_reason_beside_it() -> None:
    bare = re.compile(r"#\s*(noqa|pylint:\s*disable|type:\s*ignore|pragma: no cover)[\w\[\]:=, -]*$")
    found = []
    for name in CODE:
        lines = (CHECKOUT / name).read_text(encoding="utf-8").splitlines()
        found += [f"{name}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if bare.search(line)]
    assert not found, "\n".join(found)
