# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.stack_events import STACK, failures, progress


def event(name: str, status: str, reason: str | None = None) -> dict[str, Any]:
    return {"logical_resource_id": name, "resource_status": status, "resource_status_reason": reason}


def test_the_reasons_are_those_of_the_last_operation_first_cause_first() -> None:
    events = [
        event("shop", "UPDATE_ROLLBACK_COMPLETE"),
        event("shop", "UPDATE_ROLLBACK_IN_PROGRESS", "CanaryService failed."),
        event("StableService", "UPDATE_FAILED", "Resource update cancelled"),
        event("CanaryService", "UPDATE_FAILED", "ECS Deployment Circuit Breaker was triggered"),
        event("CanaryService", "UPDATE_IN_PROGRESS"),
        event("shop", "UPDATE_IN_PROGRESS", "User Initiated"),
        event("Rule", "CREATE_FAILED", "long ago"),
    ]
    assert failures(events) == [
        "CanaryService: ECS Deployment Circuit Breaker was triggered",
        "shop: CanaryService failed.",
    ]
    assert failures([]) == []


def of_stack(status: str, reason: str | None = None) -> dict[str, Any]:
    return {**event("shop", status, reason), "resource_type": STACK}


BEFORE = [of_stack("CREATE_COMPLETE"), event("Rule", "CREATE_COMPLETE"), of_stack("CREATE_IN_PROGRESS")]


@pytest.mark.parametrize(
    ("events", "line", "ended"),
    [
        ([], "None, 0 resources done", True),
        (BEFORE, "CREATE_COMPLETE, 1 resource done", True),
        ([of_stack("UPDATE_IN_PROGRESS"), *BEFORE], "UPDATE_IN_PROGRESS, 0 resources done", False),
        (
            [event("StableService", "UPDATE_IN_PROGRESS"), of_stack("UPDATE_IN_PROGRESS"), *BEFORE],
            "UPDATE_IN_PROGRESS, 0 resources done, under way: StableService",
            False,
        ),
        (
            [
                event("StableService", "DELETE_IN_PROGRESS"),
                event("CanaryService", "DELETE_IN_PROGRESS"),
                event("Rule", "DELETE_COMPLETE"),
                event("Rule", "DELETE_IN_PROGRESS"),
                of_stack("DELETE_IN_PROGRESS"),
                *BEFORE,
            ],
            "DELETE_IN_PROGRESS, 1 resource done, under way: CanaryService, StableService",
            False,
        ),
        # A rollback belongs to the update that failed, and the removal of what was replaced to the one that did not.
        (
            [
                event("CanaryService", "UPDATE_IN_PROGRESS"),
                of_stack("UPDATE_ROLLBACK_IN_PROGRESS"),
                event("CanaryService", "UPDATE_FAILED"),
                event("CanaryTaskDefinition", "UPDATE_COMPLETE"),
                of_stack("UPDATE_IN_PROGRESS"),
                *BEFORE,
            ],
            "UPDATE_ROLLBACK_IN_PROGRESS, 1 resource done, under way: CanaryService",
            False,
        ),
        (
            [
                event("CanaryTaskDefinition", "DELETE_IN_PROGRESS"),
                of_stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
                event("CanaryTaskDefinition", "UPDATE_COMPLETE"),
                of_stack("UPDATE_IN_PROGRESS"),
            ],
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS, 0 resources done, under way: CanaryTaskDefinition",
            False,
        ),
    ],
)
def test_how_far_the_newest_operation_is(events: list[dict[str, Any]], line: str, ended: bool) -> None:
    seen = progress(events)
    assert (str(seen), seen.ended) == (line, ended)


def test_events_of_earlier_operations_are_not_even_read() -> None:
    def pages() -> Iterator[dict[str, Any]]:
        yield from [event("Rule", "UPDATE_IN_PROGRESS"), of_stack("UPDATE_IN_PROGRESS")]
        raise AssertionError("read on")

    assert progress(pages()).under_way == ("Rule",)
