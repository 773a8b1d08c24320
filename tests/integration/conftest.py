# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab for all flows, and for each module of tests a stack of its own, deployed as a user does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import lifecycle
from lab.state import Lab
from tests.application import SETTINGS, Application


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab of these tests' own."""
    with lifecycle.own("flows") as found:
        yield found


@pytest.fixture(scope="module")
def application(lab: Lab, request: pytest.FixtureRequest) -> Application:
    """An application of the module's own, v1 stable and v2 canary, with the canary at 5 %. It ends with the lab.

    A module's ``DEPLOYED`` has more variables of its deployment.
    """
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_flow_").replace("_", "-")
    found = Application(lab, {"stack_name": name, **SETTINGS})
    deployed = getattr(request.module, "DEPLOYED", {})
    found.succeed("deploy.yml", stable_image="shop:v1", canary_image="shop:v2", **deployed)
    return found
