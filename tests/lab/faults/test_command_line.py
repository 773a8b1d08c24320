# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m lab fault``: what its user types, and what AWS clients then meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from lab import lifecycle
from lab.cli import main
from lab.state import Lab
from tests.lab.control.world import World

Typed = Callable[..., tuple[int | str | None, str]]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A running cloud."""
    found = World()
    yield found
    found.cloud.stop()


@pytest.fixture
def typed(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Typed]:
    """Types a command of the lab; its exit status and what it printed."""
    lab = Lab("default", 0, world.endpoint, propagation_delay=2.0, low_ports=False)
    monkeypatch.setattr(lifecycle, "find", lambda _name: lab)

    def run(*words: str) -> tuple[int | str | None, str]:
        with pytest.raises(SystemExit) as ended:
            main(["fault", *words])
        return ended.value.code, "".join(capsys.readouterr())

    yield run
    world.cloud.faults.clear()


def test_a_fault_hits_the_call_that_was_named(typed: Typed, world: World) -> None:
    code, shown = typed("add", "throttle", "--service", "ecs", "--operation", "ListClust*", "--call", "2")
    assert (code, shown) == (0, "throttle: call 2 to ecs ListClust*; hit 0\n")
    world.ecs.list_clusters()
    world.ecs.list_clusters()
    assert world.cloud.faults.facts()[0]["hits"] == 1, "boto3 has repeated the call that was refused"
    assert typed("list") == (0, "throttle: call 2 to ecs ListClust*; hit 1\n")


def test_faults_add_up_and_are_cleared(typed: Typed, world: World) -> None:
    typed("add", "error", "--share", "0.25", "--operation", "DeleteCluster")
    _code, shown = typed("add", "latency", "--seconds", "0.5", "--operation", "DeleteCluster")
    assert shown.splitlines() == [
        "error: 25 % of the calls to * DeleteCluster; hit 0",
        "latency by 0.5 s: 100 % of the calls to * DeleteCluster; hit 0",
    ]
    assert typed("clear") == (0, "No fault is set in the lab default\n")
    with pytest.raises(ClientError, match="ClusterNotFound"):
        world.ecs.delete_cluster(cluster="none")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add", "flood"], "'flood'"),
        (["add", "error", "--share", "2"], "2 is not a number from 0 to 1"),
        (["add", "error", "--call", "0"], "0 is not a whole number of 1 or more"),
        (["add", "error", "--call", "1", "--share", "0.5"], "not allowed with"),
        (["remove"], "'remove'"),
    ],
)
def test_what_is_no_fault_is_refused(typed: Typed, world: World, words: list[str], says: str) -> None:
    code, shown = typed(*words)
    assert code == 2
    assert says in shown
    assert world.cloud.faults.facts() == []


def test_help_explains_every_kind(typed: Typed) -> None:
    code, shown = typed("add", "--help")
    assert code == 0
    for kind in ("throttle", "error", "reset-before", "reset-after", "latency", "stale", "hold-before", "hold-after"):
        assert f"\n  {kind} " in shown
