# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AWX on which an application has been set up, and how to set up more."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.awx.controller import Controller
from tests.awx.jobs import FOREIGN
from tests.awx.pattern import PATTERN
from tests.tools import ENVIRONMENT

Apply = Callable[[Mapping[str, object]], str]

# As somebody writes them who quotes everything. What makes a release quick is for the lab.
SHOP: dict[str, object] = {
    "awx_application": "shop",
    "awx_access_key": "canary-lab",
    "awx_secret_key": "canary-lab",
    "awx_settings": {
        "stack_name": "shop",
        "region": "us-east-1",
        "listener_port": "8080",
        "assign_public_ip": "true",
        "health_interval": "5",
        "health_timeout": "2",
        "deregistration_delay": "1",
        "propagation_delay": "0",
        "metric_delay": "0",
        "return_step": "50",
        "return_interval": "0",
    },
}


def apply_on(controller: Controller, variables: Mapping[str, object]) -> str:
    """Run apply.yml against an AWX, and return what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    done = subprocess.run(
        [ENVIRONMENT / "bin" / "ansible-playbook", "apply.yml", "-e", json.dumps(variables)],
        cwd=PATTERN / "playbooks",
        env=kept | {"ANSIBLE_NOCOLOR": "1"} | controller.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"apply.yml exited {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False)
    return done.stdout


@pytest.fixture(scope="module")
def empty() -> Iterator[Controller]:
    """An AWX as it is after its installation."""
    with Controller() as controller:
        yield controller


@pytest.fixture(scope="module")
def apply(empty: Controller) -> Apply:
    """Run apply.yml as its user does, and return what it printed."""
    return lambda variables: apply_on(empty, variables)


@pytest.fixture(scope="module")
def controller(empty: Controller, apply: Apply) -> Controller:
    """An AWX on which the shop has been set up."""
    apply(SHOP)
    return empty
