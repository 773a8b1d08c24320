# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for all tests: their order and their pace."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes tells of the machine and of what else runs there, not of the code.
settings.register_profile("any pace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any pace")

# What takes longest comes first, so that the workers of a run of everything end at about the same time.
LONGEST_FIRST = ["integration", "gates", "lab", "unit"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by their folder; within a folder they stay as they were."""
    root = Path(__file__).parent

    def turn(item: pytest.Item) -> int:
        folder = item.path.relative_to(root).parts[0]
        return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else 0

    items.sort(key=turn)
