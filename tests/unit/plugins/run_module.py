# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module in this process, as Ansible would, and take what it prints."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args


def run_module(main: Callable[[], None], *, check: bool = False, **options: Any) -> dict[str, Any]:
    """What the module returned, failure or not (``failed``)."""
    printed = io.StringIO()
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
    with patch_module_args(arguments), contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as end:
        main()
    result: dict[str, Any] = json.loads(printed.getvalue())
    assert bool(end.value.code) == bool(result.get("failed"))
    return result
