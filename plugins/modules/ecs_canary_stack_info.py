#!/usr/bin/python
# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_canary_stack_info
short_description: Show how far CloudFormation is with a stack
version_added: "0.1.0"
author:
  - The canary.ecs authors (@canary-ecs)
description:
  - Reads from the events of a stack how far the newest operation on it is, or was in the end.
  - With O(job) it stays until a task that works on the stack in the background has ended, and shows every few seconds
    what CloudFormation is at. M(amazon.aws.cloudformation) by itself says nothing until then, which may take many
    minutes.
options:
  stack_name:
    description: The name of the stack.
    type: str
    required: true
  job:
    description:
      - The C(results_file) of a task with C(async) and C(poll=0), on the same host. The module waits until that task
        has ended, whether it succeeded or not; M(ansible.builtin.async_status) tells which.
      - While it waits, events that cannot be read are no failure, since they change nothing about the task.
      - When it is left out, the module reads once.
    type: path
  wait_timeout:
    description:
      - How long to wait for O(job), in seconds.
      - The failure after it says what was under way. CloudFormation goes on by itself.
    type: int
    default: 7200
extends_documentation_fragment:
  - canary.ecs.attributes.info
  - amazon.aws.common.modules
  - amazon.aws.region.modules
seealso:
  - module: amazon.aws.cloudformation
  - module: amazon.aws.cloudformation_info
  - module: ansible.builtin.async_status
"""

EXAMPLES = r"""
- name: Start the removal of a stack
  amazon.aws.cloudformation:
    stack_name: canary-ecs-trial
    state: absent
  async: 7200
  poll: 0
  register: removal

- name: Show how far it is, until it has ended
  canary.ecs.ecs_canary_stack_info:
    stack_name: canary-ecs-trial
    job: "{{ removal.results_file }}"

- name: Take what came of it
  ansible.builtin.async_status:
    jid: "{{ removal.ansible_job_id }}"
  vars:
    # It looks in the account's home by itself, and the task wrote where HOME says.
    ansible_async_dir: "{{ removal.results_file | dirname }}"

- name: See how far a stack is
  canary.ecs.ecs_canary_stack_info:
    stack_name: canary-ecs
"""

RETURN = r"""
status:
  description:
    - The status that the newest event of the stack itself tells. Null where there is no such stack, or where O(job) has
      ended before the events could be read.
  returned: success
  type: str
  sample: CREATE_COMPLETE
done:
  description: How many resources the newest operation has created, changed or removed.
  returned: success
  type: int
  sample: 31
under_way:
  description: The logical names of the resources that it is at.
  returned: success
  type: list
  elements: str
  sample: []
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import AwsError
from ansible_collections.canary.ecs.plugins.module_utils._aws.cloudformation import stack_events
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import poll_until
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import refuse_negative
from ansible_collections.canary.ecs.plugins.module_utils._canary.stack_events import Progress, progress
from ansible_collections.canary.ecs.plugins.module_utils._module import CanaryModule, run

ARGUMENTS: dict[str, Any] = {
    "stack_name": {"type": "str", "required": True},
    "job": {"type": "path"},
    "wait_timeout": {"type": "int", "default": 7200},
}
NOTHING = Progress(None, 0, ())


@dataclass(frozen=True)
class Reading:
    """One look at the task in the background and at the stack. ``progress`` is None where that could not be read."""

    ended: bool
    progress: Progress | None

    def __str__(self) -> str:
        if self.progress is None:
            return "how far it is could not be read"
        return "nothing is under way" if self.progress.ended else str(self.progress)


def read(module: CanaryModule) -> dict[str, Any]:
    """Read how far the stack is; with a job, until that has ended."""
    stack_name, job, timeout = (module.params[name] for name in ("stack_name", "job", "wait_timeout"))
    refuse_negative(timeout, "wait_timeout")
    client = module.client_of("cloudformation")

    def look() -> Progress:
        return progress(stack_events(client, stack_name))

    if job is None or module.check_mode:
        return {"changed": False, **look().facts()}
    seen = watch(lambda: has_ended(job), look, stack_name=stack_name, timeout=timeout)
    return {"changed": False, **(seen.progress or NOTHING).facts()}


def watch(ended: Callable[[], bool], look: Callable[[], Progress], *, stack_name: str, timeout: float) -> Reading:
    """Look until the task in the background has ended. Raises `CanaryError` after ``timeout`` seconds."""

    def reading() -> Reading:
        over = ended()
        try:
            return Reading(over, look())
        except AwsError:
            return Reading(over, None)

    return poll_until(
        reading,
        lambda seen: seen.ended,
        timeout=timeout,
        gave_up=lambda seen: CanaryError(
            f"CloudFormation is still at stack {stack_name} after {timeout:.0f} s: {seen}. It goes on by itself: look "
            "at the stack's events, and run this again once it has ended.",
        ),
        waiting=lambda seen: f"Stack {stack_name}: {seen}",
    )


def has_ended(job: str) -> bool:
    """Whether a task in the background has written its result, as M(ansible.builtin.async_status) tells it."""
    try:
        result = json.loads(Path(job).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CanaryError(
            f"job is {job}, and there is no such file: give the results_file of a task with async and poll 0, on the "
            "same host."
        ) from None
    except ValueError:
        # It is being written.
        return False
    return "started" not in result or bool(result.get("finished"))


def main() -> None:
    run(CanaryModule(ARGUMENTS), read)


if __name__ == "__main__":
    main()
