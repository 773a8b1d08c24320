# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module as Ansible runs any, and show meanwhile what it waits for.

Ansible shows nothing of a module before its end, and a release may take half an hour. The modules of this collection
write what they wait for into a file (``module_utils/_aws/poll.py``). It is read here, where both run on one machine.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import PROGRESS
from ansible_collections.canary.ecs.plugins.plugin_utils._news import News

# Seconds between two looks at the file.
LOOK = 1.0


class ActionModule(NormalAction):
    """What ``ansible.builtin.normal`` does, with a line for each news of a wait, and one from time to time without."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module of the task's name."""
        if self._connection.transport != "local" or self._task.async_val:
            return dict(super().run(tmp, task_vars))
        with _progress_file() as path:
            self._task.environment = [*(self._task.environment or []), {PROGRESS: str(path)}]
            with _shown(path, Display().display):
                return dict(super().run(tmp, task_vars))


@contextmanager
def _progress_file() -> Iterator[Path]:
    """An empty file, removed in the end. A module that became another user cannot write it, and goes on without."""
    handle, name = tempfile.mkstemp(prefix="canary-ecs-", dir=constants.DEFAULT_LOCAL_TMP)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def _shown(path: Path, show: Callable[[str], Any]) -> Iterator[None]:
    """Show the news in a file until the end of the block."""
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(path, show, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _show(path: Path, show: Callable[[str], Any], ended: threading.Event) -> None:
    news = News()
    while not ended.wait(LOOK):
        if line := news.of(path.read_text(encoding="utf-8"), now=time.monotonic()):
            show(f"    {line}")
