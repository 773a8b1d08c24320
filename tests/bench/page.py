# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the measurements. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import median

from tests.bench.contestants import APPLICATION_LB, BARE, CLI, FLOOR, JOBS, MODULE, PLAYBOOK, Job
from tests.bench.measure import Result, Results, Taken

ABOVE = 1.25
"""How many times the floor a row of ours may take before the page says where the time goes."""

ORDER = (FLOOR, MODULE, PLAYBOOK, BARE, CLI, APPLICATION_LB)
AWS = ("canary.ecs.", "amazon.aws.", "aws_floor", "ansible.legacy.aws_floor")
WAITS = ("ansible.builtin.pause", "pause")

HEAD = """# Measurements

What a shift, the same shift again, a rollback and a status take: by our playbooks, by one of our modules in a playbook
of one task, by a task that does nothing, by a short boto3 script, by the AWS CLI, and a shift by the module that
amazon.aws has for load balancers. `make bench` measures all of them side by side on the [lab](lab.md) and writes this
page.

The lab answers at once, so this is the time of the tools and not that of AWS. On AWS every call adds its way there and
back, which is why the calls are counted too, in the lab's own log. Times differ from machine to machine; ratios less.
They are medians of {rounds} runs in turns, on {machine}.
"""

FOOT = """## What the rows mean

- The **floor** is a playbook of one task whose module is an `AnsibleAWSModule` that does nothing and makes no client:
  the start of `ansible-playbook`, one task, Python with boto3 in it. No module can be quicker.
- **Our module** is `ecs_canary_weights` with the ARNs of rule and target groups, for the status `ecs_canary_info` with
  the names of the services.
- **Our playbook** finds the services in the stack, reads them, sizes the canary, waits for its health, shifts, reads
  back, and reads everything again for the status that it prints. The pause in which a load balancer takes in a weight
  (`propagation_delay`, ten seconds unless set) is set to 0.
- The **boto3 script** and the **AWS CLI** set the weights of a rule whose ARN they are given. They look at no target's
  health, keep nothing else of the rule, and read nothing back. For a status, the AWS CLI is four commands.
"""


def page(results: Results, *, rounds: int, machine: str) -> str:
    """The whole page."""
    parts = [HEAD.format(rounds=rounds, machine=machine)]
    for job in JOBS:
        parts.append("\n".join(_table(job, results)))
    return "\n".join([*parts, "\n".join(_where_the_time_goes(results)), FOOT])


def _table(job: Job, results: Results) -> Iterator[str]:
    """One job: a row for each contestant."""
    floor = results[job.name, FLOOR].seconds
    yield f"## {job.name[0].upper()}{job.name[1:]}\n"
    yield "| by | median | to the floor | API calls |"
    yield "| --- | ---: | ---: | ---: |"
    for name in ORDER:
        if found := results.get((job.name, name)):
            yield f"| {name} | {found.seconds:.2f} s | {found.seconds / floor:.2f} | {found.calls:g} |"
    yield ""


def _where_the_time_goes(results: Results) -> Iterator[str]:
    """For every row of ours that is well above the floor, its median run taken apart."""
    yield "## Where the time goes\n"
    yield f"Each row of ours that takes more than {ABOVE:g} times the floor, its median run taken apart.\n"
    yield "| row | in all | start and end of Ansible | AWS modules | other tasks | waits | of it, lab answering |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for job in JOBS:
        floor = results[job.name, FLOOR]
        for name in (MODULE, PLAYBOOK):
            if results[job.name, name].seconds > ABOVE * floor.seconds:
                yield _apart(f"{job.name}, {name}", results[job.name, name].typical)
    yield _apart("the floor", results[JOBS[0].name, FLOOR].typical)
    yield ""
    yield from _in_words(results)
    yield ""


def _apart(name: str, taken: Taken) -> str:
    """One row: where a run's time went."""
    modules = [seconds for action, seconds in taken.tasks if action.startswith(AWS)]
    waits = [seconds for action, seconds in taken.tasks if action in WAITS]
    tasks = sum(seconds for _action, seconds in taken.tasks)
    others = tasks - sum(modules) - sum(waits)
    number = len(taken.tasks) - len(modules) - len(waits)
    return (
        f"| {name} | {taken.seconds:.2f} s | {taken.seconds - tasks:.2f} s | {len(modules)}: {sum(modules):.2f} s "
        f"| {number}: {others:.2f} s | {sum(waits):.2f} s | {taken.answering:.2f} s |"
    )


def _in_words(results: Results) -> Iterator[str]:
    """What the table comes to."""
    floor = _module_seconds(results[JOBS[0].name, FLOOR])
    shift, status = results[JOBS[0].name, PLAYBOOK], results[JOBS[-1].name, PLAYBOOK]
    modules = [action for action, _seconds in shift.typical.tasks if action.startswith(AWS)]
    named = ", ".join(f"`{name}`{f' {count} times' if count > 1 else ''}" for name, count in Counter(modules).items())
    yield (
        f"A module that does nothing takes {floor:.2f} s of its playbook: Ansible packs it, starts a Python, and that "
        f"imports boto3. A playbook pays this for each AWS module that it runs. A shift runs {len(modules)} "
        f"({named}), which is {len(modules) * floor:.2f} s of its {shift.seconds:.2f} s before any of them has done "
        f"anything; a status runs {_count(status)}. What our modules take beyond that is the making of boto3 clients, "
        f"each with its service's model read from disk, and the calls."
    )


def _count(result: Result) -> int:
    return sum(action.startswith(AWS) for action, _seconds in result.typical.tasks)


def _module_seconds(result: Result) -> float:
    """The median time of a run's AWS modules."""
    return median(sum(seconds for action, seconds in taken.tasks if action.startswith(AWS)) for taken in result.taken)
