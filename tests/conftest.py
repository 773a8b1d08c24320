# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a run of everything: what takes longest first, so that the workers end at about the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

LONGEST_FIRST = ["integration", "gates", "lab", "unit"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by their folder; within a folder they stay as they were."""
    root = Path(__file__).parent

    def turn(item: pytest.Item) -> int:
        folder = item.path.relative_to(root).parts[0]
        return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else 0

    items.sort(key=turn)
