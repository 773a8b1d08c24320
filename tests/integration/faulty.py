# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on a lab for as long as some flows run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.client import add_fault, calls_of, clear_faults, last_call_of
from tests.application import Application


@contextmanager
def faulty(application: Application, *choices: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The lab with faults; the list is filled with its calls, by anybody, when the context ends."""
    since = last_call_of(application.lab)
    calls: list[dict[str, Any]] = []
    for choice in choices:
        add_fault(application.lab, **choice)
    try:
        yield calls
    finally:
        calls += calls_of(application.lab, since=since)
        clear_faults(application.lab)
