# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fair sample of `make permissions`: a deployment and a shift by users who have the policy for it alone."""

from __future__ import annotations

import pytest

from lab.state import Lab
from tests.application import Application
from tests.permissions.policies import actions_of, policy, without
from tests.permissions.recording import QUICK, Recording


@pytest.fixture(scope="module")
def recording(lab: Lab) -> Recording:
    """A stack that a user with the policy of deploy.yml has made; a second listener splits by its default rule."""
    made = Recording(Application(lab, {"stack_name": "permissions", **QUICK}))
    user = made.user(policy("deploy"))
    played = made.play("deploy", user, stable_image="shop:v1", canary_image="shop:v2")
    assert played.ok, played.output
    made.split_by_default_too()
    made.stop_tasks()
    return made


def test_a_shift_takes_every_permission_of_its_policy_and_no_other(recording: Recording) -> None:
    user = recording.user(policy("canary"))
    played = recording.play("canary", user, percent=25)
    assert played.ok, played.output
    late = recording.play("canary", user, percent=30, least_desired=4, wait_timeout=1)
    assert not late.ok and "permission denied" not in late.output, late.output
    recording.put(100, canary=4)
    back = recording.play("canary", user, percent=0, step=50, interval=0)
    assert back.ok, back.output
    assert recording.used["canary"] == actions_of(policy("canary")), "run make policies"


@pytest.mark.parametrize("action", ["elasticloadbalancing:ModifyListener", "ecs:DescribeServices"])
def test_a_shift_without_a_permission_fails_and_names_it(recording: Recording, action: str) -> None:
    played = recording.play("canary", recording.user(without(policy("canary"), action)), percent=40)
    assert not played.ok
    assert "permission denied" in played.output and f"allow {action} to the caller" in played.output, played.output
    assert "Traceback" not in played.output
