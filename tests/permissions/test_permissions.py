# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook with its policy, and with its policy less each single action. `make permissions` runs this."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator

import pytest

from lab import lifecycle
from lab.playbooks import Played
from lab.state import Lab
from tests.application import Application
from tests.permissions.policies import PLAYBOOKS, actions_of, policy, without
from tests.permissions.recording import CRASHING, QUICK, SECOND_PORT, LabOfUser, Recording, life

CASES = [(playbook, action) for playbook in PLAYBOOKS for action in sorted(actions_of(policy(playbook)))]
# Used only where deploy.yml makes the stack.
CREATION = {
    "cloudformation:CreateStack",
    "elasticloadbalancing:ModifyRule",
    "application-autoscaling:RegisterScalableTarget",
    "ecs:UpdateService",
}
# Used only where its canary cannot be sized for the first share.
REASONS = {"ecs:ListTasks", "ecs:DescribeTasks"}
# A rollback says that it misses one of these, and goes on: stable is not held, or nobody knows why tasks stop.
GOES_ON = {("rollback", action) for action in ("ecs:TagResource", *REASONS)}
_tags = itertools.count(10)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of these tests' own."""
    with lifecycle.own("permissions") as found:
        yield found


def application(lab: Lab, name: str) -> Application:
    """An application of the lab, not deployed yet."""
    return Application(lab, {"stack_name": name, **QUICK})


@pytest.fixture(scope="module")
def recording(lab: Lab) -> Recording:
    """A deployed one, with a second listener whose default rule splits too."""
    made = Recording(application(lab, "sweep"))
    made.application.succeed("deploy.yml", stable_image="shop:v1", canary_image="shop:v2", percent=0)
    made.split_by_default_too()
    made.stop_tasks()
    made.release = made.application.service("Stable")["taskDefinition"]
    return made


# It runs some twenty playbooks.
@pytest.mark.timeout(2700)
def test_each_playbook_uses_its_policy_to_the_last_action(lab: Lab) -> None:
    """One life, from deploy to destroy, each playbook as a user who has its policy alone."""
    whole = Recording(application(lab, "whole"))
    life(whole, lambda playbook: whole.user(policy(playbook)))
    assert whole.used == {playbook: actions_of(policy(playbook)) for playbook in PLAYBOOKS}, "run make policies"


def canary(recording: Recording, user: LabOfUser, _action: str) -> Iterator[Played]:
    recording.put(0, canary=1)
    yield recording.play("canary", user, percent=50)
    recording.put(0, canary=1)
    yield recording.play("canary", user, percent=50, least_desired=4, wait_timeout=1)
    recording.put(100, canary=4)
    yield recording.play("canary", user, percent=0, step=50, interval=0)


def rollback(recording: Recording, user: LabOfUser, _action: str) -> Iterator[Played]:
    recording.put(50, canary=4)
    recording.busy(held=True)
    yield recording.play("rollback", user)
    recording.put(50, canary=4)
    yield recording.play("rollback", user, rollback_timeout=1)


def promote(recording: Recording, user: LabOfUser, action: str) -> Iterator[Played]:
    """A release that was registered before is used again, so that registering one takes a new image."""
    if action in ("ecs:RegisterTaskDefinition", "iam:PassRole"):
        recording.application.succeed("deploy.yml", canary_image=f"shop:v{next(_tags)}")
    recording.put(100, canary=2, release=recording.release)
    yield recording.play("promote", user, take="image")
    recording.put(100, canary=2, release=recording.release)
    yield recording.play("promote", user, take="image", promote_timeout=1)


def status(recording: Recording, user: LabOfUser, _action: str) -> Iterator[Played]:
    yield recording.play("status", user)


def deploy(recording: Recording, user: LabOfUser, action: str) -> Iterator[Played]:
    if action in CREATION | REASONS:
        new = Recording(application(recording.lab, f"new{next(_tags)}"))
        variables = CRASHING if action in REASONS else {}
        yield new.play("deploy", new.user(without(policy("deploy"), action)), stable_image="shop:v1", **variables)
    yield recording.play("deploy", user, options=("--check",), canary_image=f"shop:v{next(_tags)}")
    yield recording.play("deploy", user, canary_image=f"shop:v{next(_tags)}")
    # Events are read where something failed: a port that another listener has.
    yield recording.play("deploy", user, listener_port=SECOND_PORT)


def make_network(recording: Recording, *, stuck: bool) -> None:
    """A stack of a network; ``stuck``: with something in it that is not the stack's, and stands in the way."""
    stack, ec2 = recording.application.client("cloudformation"), recording.application.client("ec2")
    network = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.7.0.0/16"}}
    template = {
        "Description": "canary.ecs: a test",
        "Resources": {"Network": network},
        "Outputs": {"Network": {"Value": {"Ref": "Network"}}},
    }
    name = recording.application.common["stack_name"]
    stack.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stack.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    if stuck:
        ec2.create_route_table(VpcId=recording.application.outputs["Network"])


def destroy(recording: Recording, _user: LabOfUser, action: str) -> Iterator[Played]:
    """Stacks that destroy.yml takes for some of canary.ecs, by their description; the second one cannot be deleted."""
    for stuck in (False, True):
        old = Recording(application(recording.lab, f"old{next(_tags)}"))
        make_network(old, stuck=stuck)
        yield old.play("destroy", old.user(without(policy("destroy"), action)))


OCCASIONS: dict[str, Callable[[Recording, LabOfUser, str], Iterator[Played]]] = {
    "canary": canary,
    "rollback": rollback,
    "promote": promote,
    "status": status,
    "deploy": deploy,
    "destroy": destroy,
}


@pytest.mark.parametrize("playbook, action", CASES, ids=map("-".join, CASES))
def test_a_playbook_without_one_action_fails_and_names_it(recording: Recording, playbook: str, action: str) -> None:
    user = recording.user(without(policy(playbook), action))
    printed = ""
    for played in OCCASIONS[playbook](recording, user, action):
        printed = played.output
        assert "Traceback" not in played.output, played.output
        if action in played.output:
            assert played.ok is ((playbook, action) in GOES_ON), played.output
            return
    pytest.fail(f"{playbook}.yml never missed {action}; it printed last:\n{printed}", pytrace=False)
