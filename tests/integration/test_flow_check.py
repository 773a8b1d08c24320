# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode: every playbook says what it would do, and does nothing."""

from __future__ import annotations

import pytest

from lab.client import calls_of, last_call_of
from tests.application import Application

# CloudFormation tells what an update would do by a change set, which is made for that and deleted again.
ASKING = {"CreateChangeSet", "DeleteChangeSet"}


@pytest.fixture(scope="module")
def all_on_canary(application: Application) -> Application:
    """Where each of the playbooks has something to do."""
    application.succeed("canary.yml", percent=100)
    return application


@pytest.mark.parametrize(
    ("playbook", "variables", "changes"),
    [
        ("deploy.yml", {"canary_image": "shop:v3"}, True),
        ("canary.yml", {"percent": 40}, True),
        ("rollback.yml", {}, True),
        ("promote.yml", {}, True),
        ("promote.yml", {"take": "image"}, True),
        ("status.yml", {}, False),
        ("destroy.yml", {}, True),
    ],
)
def test_check_mode_foretells_and_changes_nothing(
    all_on_canary: Application, playbook: str, variables: dict[str, object], changes: bool
) -> None:
    before, since = all_on_canary.state, last_call_of(all_on_canary.lab)
    played = all_on_canary.succeed(playbook, options=("--check", "--diff"), **variables)
    assert ("changed=0" not in played.output) is changes, played.output
    made = {call["operation"] for call in calls_of(all_on_canary.lab, since=since) if call["mutating"]}
    assert made <= ASKING
    assert all_on_canary.state == before


def test_a_deployment_is_foretold_by_resource(all_on_canary: Application) -> None:
    played = all_on_canary.succeed("deploy.yml", options=("--check",), canary_image="shop:v3")
    assert "Modify CanaryTask (AWS::ECS::TaskDefinition)" in played.output
    assert "Rule (" not in played.output
    played = all_on_canary.succeed("deploy.yml", options=("--check",), stack_name="another", stable_image="shop:v1")
    assert "New stack would be created" in played.output


def test_a_promotion_is_foretold_where_it_would_start_stable_first(all_on_canary: Application) -> None:
    all_on_canary.resize("Stable", 0, 0, 4)
    played = all_on_canary.succeed("promote.yml", options=("--check",))
    assert "has a desired count of 0" in " ".join(played.output.split())
    assert all_on_canary.capacity("Stable") == (0, 0, 4)
