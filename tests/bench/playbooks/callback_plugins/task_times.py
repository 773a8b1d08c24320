# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes which action each task ran, and how many seconds that took, into the file that TASK_TIMES names."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: task_times
type: aggregate
short_description: Write the time of each task into a file
description: Write the action of each task and the seconds that it took into the file that E(TASK_TIMES) names.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no type hints
    """One entry a task: its action, empty where it was skipped, and the time from its start to that of the next one."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_times"

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[tuple[str, float]] = []
        self._action = ""
        self._began: float | None = None

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """The task before has ended, and this one begins."""
        self._end()
        self._action, self._began = str(task.resolved_action or task.action), time.monotonic()

    def v2_runner_on_skipped(self, result: Any) -> None:
        """It was not run."""
        self._action = ""

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The last one has ended."""
        self._end()
        Path(os.environ["TASK_TIMES"]).write_text(json.dumps(self._entries))

    def _end(self) -> None:
        if self._began is not None:
            self._entries.append((self._action, time.monotonic() - self._began))
