# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test, the way Ansible's own collections are tested: sanity without an ignore entry, and the unit tests."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.tools import HOME, tracked

# ansible-test would fetch pip's own installer; the one that Python ships does as well, and needs no network. The names
# are those that ansible-core 2.19 and 2.21 look for.
GET_PIP = "import ensurepip\n\nensurepip.bootstrap()\n"
INSTALLERS = ["get_pip_24_2.py", "get_pip_25_2.py"]
# The one of this environment: by "default", newer versions run the units on each Python that is there.
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_sanity_finds_nothing(passes: Callable[..., str]) -> None:
    """Every sanity test that ansible-test has for a collection (pslint finds no PowerShell to look at)."""
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for name in INSTALLERS:
        (cache / name).write_text(GET_PIP)
    passes("ansible-test", "sanity", "--color", "no", "--python", PYTHON)


def test_no_sanity_finding_is_ignored() -> None:
    assert tracked("tests/sanity/ignore*") == []


def test_units_pass_in_the_collection_loader(passes: Callable[..., str]) -> None:
    """The same unit tests as plain pytest runs, but as modules import on a managed host: through Ansible's loader."""
    printed = passes("ansible-test", "units", "--color", "no", "--python", PYTHON, "--num-workers", "1")
    assert " passed" in printed
