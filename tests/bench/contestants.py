# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who does which job by which commands."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.playbooks import PLAYBOOKS
from tests.bench.deployed import STACK, Deployed
from tests.handmade import forward

HERE = Path(__file__).parent
OWN = HERE / "playbooks"

PLAYBOOK, MODULE, FLOOR = "our playbook", "our module, one task", "no-op AnsibleAWSModule task (the floor)"
BARE, CLI, APPLICATION_LB = "bare boto3 script", "AWS CLI", "amazon.aws.elb_application_lb, one task"


@dataclass(frozen=True)
class Job:
    """Something to do, from a state that every run begins with: the canary's percent ``before`` it and ``after``."""

    name: str
    before: int
    after: int
    playbook: str


JOBS = (
    Job("a 25 % shift", 5, 25, "canary.yml"),
    Job("the same shift again", 25, 25, "canary.yml"),
    Job("a rollback", 25, 0, "rollback.yml"),
    Job("a status", 25, 25, "status.yml"),
)
STATUS = JOBS[-1]

Words = Sequence[str]


@dataclass(frozen=True)
class Run:
    """The commands of one contestant for one job, one after the other, and the folder they run in."""

    contestant: str
    commands: tuple[Words, ...]
    folder: Path = OWN
    shifts: bool = True


def runs(job: Job, deployed: Deployed) -> list[Run]:
    """All contestants for a job, in the order of the table."""
    found = [
        Run(FLOOR, (("ansible-playbook", "floor.yml"),), shifts=False),
        Run(PLAYBOOK, (_by_playbook(job),), folder=PLAYBOOKS),
        Run(MODULE, (_by_module(job, deployed),)),
        Run(BARE, (_by_script(job, deployed),)),
        Run(CLI, _by_cli(job, deployed.facts)),
    ]
    if job in JOBS[:2]:
        found.append(Run(APPLICATION_LB, (_by_application_lb(job, deployed),)))
    return found


def _by_playbook(job: Job) -> Words:
    words = ["ansible-playbook", job.playbook, "-e", f"stack_name={STACK}", "-e", "propagation_delay=0"]
    return [*words, "-e", f"percent={job.after}"] if job.playbook == "canary.yml" else words


def _by_module(job: Job, deployed: Deployed) -> Words:
    if job is STATUS:
        return _one_task("info.yml", deployed.facts)
    return _one_task("weights.yml", {**deployed.facts, "percent": job.after})


def _one_task(playbook: str, variables: Mapping[str, Any]) -> Words:
    return ["ansible-playbook", playbook, "-e", json.dumps(variables)]


def _by_script(job: Job, deployed: Deployed) -> Words:
    verb = "status" if job is STATUS else "shift"
    return [sys.executable, str(HERE / "bare.py"), verb, json.dumps(deployed.facts), str(job.after)]


def _by_cli(job: Job, facts: Mapping[str, Any]) -> tuple[Words, ...]:
    """A shift is one command, also where nothing changes: it cannot know. A status is one command for each read."""
    if job is not STATUS:
        return (
            ["aws", "elbv2", "modify-rule", "--rule-arn", facts["rule"], "--actions", json.dumps(_actions(facts, job))],
        )
    services = [facts["stable_service"], facts["canary_service"]]
    health = ["aws", "elbv2", "describe-target-health", "--target-group-arn"]
    return (
        ["aws", "elbv2", "describe-rules", "--rule-arns", facts["rule"]],
        ["aws", "ecs", "describe-services", "--cluster", facts["cluster"], "--services", *services],
        [*health, facts["stable_target_group"]],
        [*health, facts["canary_target_group"]],
    )


def _actions(facts: Mapping[str, Any], job: Job) -> list[dict[str, Any]]:
    """The actions of the rule after a job."""
    return [forward({facts["stable_target_group"]: 100 - job.after, facts["canary_target_group"]: job.after})]


def _by_application_lb(job: Job, deployed: Deployed) -> Words:
    wanted = copy.deepcopy(deployed.balancer)
    wanted["listeners"][0]["Rules"][0]["Actions"] = _actions(deployed.facts, job)
    return _one_task("application_lb.yml", wanted)
