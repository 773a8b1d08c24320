# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick gates, each one tool: ``make lint`` runs these and a few others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.tools import HAS_AWX, NEEDS_AWX, tracked

TEMPLATES = tracked("roles/*/files/*", "*.template")

Passes = Callable[..., str]


def test_ruff_finds_nothing(passes: Passes) -> None:
    passes("ruff", "check", "--no-cache", "--output-format", "concise", ".")


def test_ruff_would_format_nothing(passes: Passes) -> None:
    passes("ruff", "format", "--no-cache", "--diff", ".")


def test_mypy_is_content_with_the_plugins(passes: Passes, tree: Path) -> None:
    config = f"--config-file={tree / 'pyproject.toml'}"
    passes("mypy", config, "-p", "ansible_collections.canary.ecs.plugins", cwd=tree.parents[2])


def test_mypy_is_content_with_the_lab(passes: Passes) -> None:
    passes("mypy", "-p", "lab")


def test_ansible_lint_passes_the_production_profile(passes: Passes) -> None:
    unknown = [] if HAS_AWX else ["--exclude", NEEDS_AWX]
    passes("ansible-lint", "--strict", "-q", "--format", "pep8", *unknown)


def test_cfn_lint_finds_nothing(passes: Passes) -> None:
    """YAML linters, ansible-test's among them, choke on CloudFormation's tags: its file does not end in .yml."""
    assert TEMPLATES, "no CloudFormation template is tracked below roles/canary/files/"
    named = {name.suffix for name in TEMPLATES}
    assert named == {".template"}, f"rename the CloudFormation template to *.template: {TEMPLATES}"
    passes("cfn-lint", "--include-checks", "I", "--", *TEMPLATES)


def test_reuse_finds_a_licence_on_every_file(passes: Passes) -> None:
    passes("reuse", "lint", "--lines")


def test_every_change_has_a_sound_fragment(passes: Passes) -> None:
    passes("antsibull-changelog", "lint")
