# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.control.world import Pair


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A running cloud with a pair of target groups."""
    world = Pair()
    yield world
    world.cloud.stop()
