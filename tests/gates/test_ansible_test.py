# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test, the way Ansible's own collections are tested: sanity without an ignore entry, and the unit tests."""

from __future__ import annotations

from collections.abc import Callable

from tests.gates.tools import HOME, tracked

# ansible-test would fetch pip's own installer; the one that Python ships does as well, and needs no network.
GET_PIP = "import ensurepip\n\nensurepip.bootstrap()\n"


def test_sanity_finds_nothing(passes: Callable[..., str]) -> None:
    """Every sanity test that ansible-test has for a collection (pslint finds no PowerShell to look at)."""
    installer = HOME / ".ansible" / "test" / "cache" / "get_pip_24_2.py"
    installer.parent.mkdir(parents=True, exist_ok=True)
    installer.write_text(GET_PIP)
    passes("ansible-test", "sanity", "--color", "no", "--python", "default")


def test_no_sanity_finding_is_ignored() -> None:
    assert tracked("tests/sanity/ignore*") == []


def test_units_pass_in_the_collection_loader(passes: Callable[..., str]) -> None:
    """The same unit tests as plain pytest runs, but as modules import on a managed host: through Ansible's loader."""
    printed = passes("ansible-test", "units", "--color", "no", "--python", "default", "--num-workers", "1")
    assert " passed" in printed
