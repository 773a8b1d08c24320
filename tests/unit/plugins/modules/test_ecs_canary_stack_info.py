# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against events in memory, and a task in the background that ends when the test says so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import PROGRESS
from ansible_collections.canary.ecs.plugins.modules import ecs_canary_stack_info
from ansible_collections.canary.ecs.tests.unit.plugins.fake_balancer import REGION, Answer, Refusal, serve
from ansible_collections.canary.ecs.tests.unit.plugins.run_module import run_module

STACK = "AWS::CloudFormation::Stack"
GONE = Refusal("ValidationError", "Stack [shop] does not exist")


def event(name: str, status: str, kind: str = "AWS::ECS::Service") -> dict[str, str]:
    return {
        "LogicalResourceId": name,
        "ResourceType": STACK if name == "shop" else kind,
        "ResourceStatus": status,
        "StackName": "shop",
    }


class Background:
    """A task in the background, its results file, and the events of the stack that it works on."""

    def __init__(self, folder: Path) -> None:
        self.job, self.progress = folder / "j1.1", folder / "progress"
        self.readings: list[list[dict[str, str]] | Refusal] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.write({"started": True, "finished": False, "ansible_job_id": "j1.1"})

    def write(self, result: dict[str, Any]) -> None:
        self.job.write_text(json.dumps(result), encoding="utf-8")

    def answer(self, operation: str, parameters: dict[str, Any]) -> Answer:
        self.calls.append((operation, parameters))
        seen = self.readings.pop(0) if self.readings[1:] else self.readings[0]
        if isinstance(seen, Refusal):
            raise seen
        page = int(parameters.get("NextToken", 0))
        more = {"NextToken": str(page + 1)} if seen[page + 1 :] else {}
        if more:
            self.readings.insert(0, seen)
        return {"StackEvents": seen[page : page + 1], **more}

    def info(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        with serve({"cloudformation": self.answer}):
            return run_module(ecs_canary_stack_info.main, check=check, region=REGION, stack_name="shop", **options)

    @property
    def lines(self) -> list[str]:
        return self.progress.read_text(encoding="utf-8").splitlines() if self.progress.exists() else []


@pytest.fixture
def background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Background:
    background = Background(tmp_path)
    monkeypatch.setenv(PROGRESS, str(background.progress))
    return background


@pytest.fixture
def ends_after(background: Background, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, dict[str, Any]], None]:
    """Let the task end, with this result, in the so-manieth sleep."""

    def arrange(sleeps: int, result: dict[str, Any]) -> None:
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == sleeps:
                background.write(result)

        monkeypatch.setattr(time, "sleep", sleep)

    return arrange


def test_without_a_job_it_reads_once_over_all_pages(background: Background) -> None:
    background.readings = [
        [event("Canary", "UPDATE_IN_PROGRESS"), event("Rule", "UPDATE_COMPLETE"), event("shop", "UPDATE_IN_PROGRESS")]
    ]
    seen = background.info()
    assert (seen["status"], seen["done"], seen["under_way"]) == ("UPDATE_IN_PROGRESS", 1, ["Canary"])
    assert [operation for operation, _parameters in background.calls] == ["DescribeStackEvents"] * 3


def test_a_stack_that_is_not_there_has_no_status(background: Background) -> None:
    background.readings = [GONE]
    seen = background.info()
    assert (seen["changed"], seen["status"], seen["done"], seen["under_way"]) == (False, None, 0, [])


@pytest.mark.parametrize("result", [{"changed": True}, {"failed": True, "msg": "no"}])
def test_it_stays_until_the_task_has_ended_and_tells_meanwhile(
    background: Background, ends_after: Callable[[int, dict[str, Any]], None], result: dict[str, Any]
) -> None:
    background.readings = [
        GONE,
        [event("shop", "CREATE_IN_PROGRESS")],
        [event("Canary", "CREATE_IN_PROGRESS"), event("shop", "CREATE_IN_PROGRESS")],
        [event("shop", "CREATE_COMPLETE"), event("Canary", "CREATE_COMPLETE"), event("shop", "CREATE_IN_PROGRESS")],
    ]
    ends_after(3, result)
    seen = background.info(job=str(background.job))
    assert (seen["status"], seen["done"], seen["under_way"]) == ("CREATE_COMPLETE", 1, [])
    assert background.lines == [
        "Stack shop: nothing is under way (0 s of 7200 s)",
        "Stack shop: CREATE_IN_PROGRESS, 0 resources done (0 s of 7200 s)",
        "Stack shop: CREATE_IN_PROGRESS, 0 resources done, under way: Canary (0 s of 7200 s)",
    ]


def test_events_that_cannot_be_read_do_not_end_the_wait(
    background: Background, ends_after: Callable[[int, dict[str, Any]], None]
) -> None:
    background.readings = [Refusal("AccessDenied", "not authorized to perform: cloudformation:DescribeStackEvents")]
    ends_after(2, {"changed": True})
    seen = background.info(job=str(background.job))
    assert (seen.get("failed", False), seen["status"]) == (False, None)
    assert background.lines[0] == "Stack shop: how far it is could not be read (0 s of 7200 s)"
    denied = background.info()
    assert denied["failed"] and "cloudformation:DescribeStackEvents" in denied["msg"]


def test_it_does_not_wait_for_ever(background: Background) -> None:
    background.readings = [[event("Canary", "CREATE_IN_PROGRESS"), event("shop", "CREATE_IN_PROGRESS")]]
    seen = background.info(job=str(background.job), wait_timeout=0)
    assert seen["failed"]
    assert "still at stack shop after 0 s" in seen["msg"] and "under way: Canary" in seen["msg"]


def test_a_file_in_the_middle_of_being_written_is_no_end(
    background: Background, ends_after: Callable[[int, dict[str, Any]], None]
) -> None:
    background.readings = [[event("shop", "CREATE_COMPLETE")]]
    background.job.write_text("", encoding="utf-8")
    ends_after(1, {"changed": False})
    assert background.info(job=str(background.job))["status"] == "CREATE_COMPLETE"
    assert len(background.lines) == 1


def test_a_job_that_is_none_is_refused_by_name(background: Background, tmp_path: Path) -> None:
    background.readings = [GONE]
    seen = background.info(job=str(tmp_path / "j2"))
    assert seen["failed"] and "job is" in seen["msg"] and "results_file" in seen["msg"]


def test_check_mode_waits_for_nothing(background: Background) -> None:
    background.readings = [[event("shop", "CREATE_IN_PROGRESS")]]
    assert background.info(check=True, job=str(background.job))["status"] == "CREATE_IN_PROGRESS"
