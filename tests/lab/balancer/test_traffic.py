# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load balancer's process under real load: nothing that the control plane does may cost a request."""

from __future__ import annotations

import http.client
import itertools
import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from lab.addresses import Network, claim
from lab.balancer.actions import cluster_name
from lab.balancer.fleet import Balancer, Fleet
from lab.checkout import CHECKOUT
from lab.control.views import Listener, LoadBalancer, Rule, Target, TargetGroup
from lab.tied import tied
from lab.traffic import Traffic
from tests.application import until, watched
from tests.handmade import forward

STABLE, CANARY = (f"arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/{name}/1" for name in ("stable", "canary"))
PORT = 8080


@pytest.fixture
def network() -> Iterator[Network]:
    """Addresses that no lab beside the tests uses."""
    held = claim()
    yield Network(held.number)
    held.release()


class LiveBalancer:
    """A load balancer over tasks that the test starts, with no control plane."""

    def __init__(self, network: Network, directory: Path) -> None:
        self.network = network
        self.fleet = Fleet(directory, propagation_delay=0, low_ports=True)
        self.address = network.next_load_balancer()
        self.weights = {STABLE: 100, CANARY: 0}
        self.sticky = 0
        self.ports = [PORT]
        self.targets: dict[str, dict[str, str]] = {STABLE: {}, CANARY: {}}
        self._tasks: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://{self.address}:{PORT}/"

    def start_task(self, arn: str, image: str) -> str:
        """Start a task, register it as healthy when it answers, and return its address."""
        address = self.network.next_task()
        command = [sys.executable, "-m", "lab.app", "--address", address, "--port", "8000", "--image", image]
        command += ["--task", address]
        self._tasks[address] = subprocess.Popen(tied(command), cwd=CHECKOUT)
        self._wait_health(address)
        self.targets[arn][address] = "healthy"
        return address

    def _wait_health(self, address: str) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection(address, 8000, timeout=1)
            try:
                connection.request("GET", "/health")
                assert connection.getresponse().status == 200
                return
            except OSError:
                time.sleep(0.02)
            finally:
                connection.close()
        raise AssertionError(f"the task at {address} did not answer")

    def drain(self, arn: str, address: str) -> None:
        """Register a target's leaving."""
        self.targets[arn][address] = "draining"

    def stop_task(self, arn: str, address: str) -> int:
        """End a task as ECS does after its draining, and return its exit status."""
        self._tasks[address].terminate()
        status = self._tasks.pop(address).wait(60)
        del self.targets[arn][address]
        return status

    def update(self) -> None:
        """Show the load balancer what is."""
        groups = {
            arn: TargetGroup(
                arn, arn.split("/")[1], 8000, 5, tuple(Target(ip, 8000, state, "") for ip, state in found.items())
            )
            for arn, found in self.targets.items()
        }
        self.fleet.update([self._view()], groups, time.monotonic())

    def _view(self) -> LoadBalancer:
        rule = Rule("rule", None, (), (forward(self.weights, sticky=self.sticky),))
        return LoadBalancer(
            "lb", "web", self.address, tuple(Listener(f"listener{port}", port, "HTTP", (rule,)) for port in self.ports)
        )

    def shift(self, stable: int, canary: int) -> None:
        """Set the weights. Envoy takes a moment to notice."""
        self.weights |= {STABLE: stable, CANARY: canary}
        self.update()

    def stat(self, arn: str, name: str) -> int:
        """What Envoy says of a target group."""
        whole = f"cluster.{cluster_name(arn)}.{name}"
        return int(self.fleet._balancers["lb"].envoy.stats(f"^{whole}$").get(whole, 0))

    def until_members(self, arn: str, count: int) -> None:
        """Wait until Envoy sends a group's requests to so many targets."""
        soon(lambda: self.stat(arn, "membership_total") == count, f"Envoy has {count} targets of {arn}")
        # The thread that sends requests learns of it after the one that counts, and before it answers this.
        self.get()

    def answers(self, headers: dict[str, str] | None = None) -> dict[str, str]:
        """The version and the task that answer one request."""
        found: dict[str, str] = json.loads(self.get(headers=headers)[2])
        return found

    def get(self, path: str = "/", headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """One request: status, headers, body."""
        connection = http.client.HTTPConnection(self.address, PORT, timeout=10)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def stop(self) -> None:
        self.fleet.stop()
        for task in self._tasks.values():
            task.kill()
            task.wait()


def soon(true: Callable[[], bool], what: str) -> None:
    """Wait until clients see a change: Envoy takes it in some time after its files are there."""
    until(true, seconds=10, what=what)


@contextmanager
def live_balancer(network: Network, images: dict[str, list[str]]) -> Iterator[LiveBalancer]:
    """A load balancer over tasks of ``images``, by target group."""
    with TemporaryDirectory(prefix="lab-") as directory:
        live = LiveBalancer(network, Path(directory) / "balancers")
        try:
            for arn, image in ((arn, image) for arn, found in images.items() for image in found):
                live.start_task(arn, image)
            live.update()
            yield live
        finally:
            live.stop()


@pytest.fixture
def live(network: Network) -> Iterator[LiveBalancer]:
    with live_balancer(network, {STABLE: ["app:v1", "app:v1"], CANARY: ["app:v2"]}) as found:
        yield found


def test_no_request_fails_while_listeners_weights_and_targets_change(
    live: LiveBalancer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.balancer.fleet.RETENTION", 0.2)
    splits = itertools.cycle([(100, 0), (75, 25), (999, 1), (0, 100), (50, 50)])
    # A request that is answered late failed, too.
    with Traffic(live.url, rate=200, timeout=5) as traffic:
        begin = traffic.mark()
        for _turn in range(3):
            fresh = live.start_task(STABLE, "app:v1")
            live.ports = [PORT] if len(live.ports) == 2 else [PORT + 1, PORT]
            live.targets[extra := f"arn:targetgroup/extra/{fresh}"] = {}
            live.weights[extra] = 0
            for _turn in range(5):
                live.shift(*next(splits))
                time.sleep(0.1)
            live.drain(STABLE, fresh)
            live.update()
            live.until_members(STABLE, 2)
            assert live.stop_task(STABLE, fresh) == 0
            del live.weights[extra], live.targets[extra]
            live.update()
            time.sleep(0.3)
            live.update()
        report = traffic.report(since=begin)
    assert not report.failures
    assert set(report.versions) == {"v1", "v2"}
    assert report.requests > 500


@pytest.mark.parametrize(("stable", "canary"), [(75, 25), (1, 1)])
def test_clients_see_the_split_of_the_weights(live: LiveBalancer, stable: int, canary: int) -> None:
    live.shift(stable, canary)
    soon(lambda: live.answers()["version"] == "v2", "the canary answers")
    with Traffic(live.url, rate=200) as traffic:
        report = watched(traffic, 1000)
    assert not report.failures
    share = 100 * canary / (stable + canary)
    # Five standard deviations of what is drawn.
    assert report.share("v2") == pytest.approx(share, abs=5 * math.sqrt(share * (100 - share) / report.requests))


def test_an_empty_group_with_weight_answers_503_for_its_share_only(live: LiveBalancer) -> None:
    live.targets[CANARY].clear()
    live.shift(50, 50)
    soon(lambda: live.get()[0] == 503, "the empty group answers")
    with Traffic(live.url, rate=200) as traffic:
        report = watched(traffic, 400)
    assert {failure.reason for failure in report.failures} == {"503 Service Unavailable"}
    assert 100 * report.failed / report.requests == pytest.approx(50, abs=12)
    assert report.versions["v1"].failed == 0


def test_only_weight_zero_answers_503(live: LiveBalancer) -> None:
    live.shift(0, 0)
    soon(lambda: live.get()[0] == 503, "no group answers")
    assert {live.get()[0] for _turn in range(10)} == {503}


def test_unhealthy_targets_get_nothing_until_there_is_no_other(live: LiveBalancer) -> None:
    first, second = live.targets[STABLE]
    live.targets[STABLE][first] = "unhealthy"
    live.update()
    live.until_members(STABLE, 1)
    assert {live.answers()["task"] for _turn in range(10)} == {second}
    live._tasks[first].kill()
    live._tasks[first].wait()
    live.targets[STABLE][second] = "unhealthy"
    live.update()
    live.until_members(STABLE, 2)
    assert {live.get()[0] for _turn in range(10)} == {200, 502}


def test_a_stuck_client_stays_at_weight_zero_and_a_new_one_does_not(live: LiveBalancer) -> None:
    live.sticky = 60
    live.shift(0, 100)
    soon(lambda: live.answers()["version"] == "v2", "the canary answers")
    _status, headers, _body = live.get()
    cookie = headers["set-cookie"]
    assert cookie.startswith("AWSALBTG=")
    assert "Max-Age=60" in cookie
    live.shift(100, 0)
    soon(lambda: live.answers()["version"] == "v1", "stable answers")
    stuck = {"Cookie": f"other=1; {cookie.split(';')[0]}"}
    assert {live.answers(stuck)["version"] for _turn in range(10)} == {"v2"}
    assert {live.answers()["version"] for _turn in range(10)} == {"v1"}
    live.sticky = 0
    live.shift(100, 0)
    soon(lambda: live.answers(stuck)["version"] == "v1", "stable answers whom the canary held")


def test_visitors_who_keep_their_cookies_stay_where_they_were(live: LiveBalancer) -> None:
    live.sticky = 60
    live.shift(50, 50)
    soon(lambda: live.answers()["version"] == "v2", "the canary answers")
    with Traffic(live.url, rate=100, visitors=10) as visitors, Traffic(live.url, rate=100) as strangers:
        # Each of them has its cookie from its first turn.
        watched(visitors, 20)
        before = visitors.window(3)
        live.shift(100, 0)
        # One in a million such rows comes by chance, as long as half of them go to the canary.
        soon(lambda: {live.answers()["version"] for _turn in range(20)} == {"v1"}, "stable answers alone")
        begin = visitors.mark()
        after, new = visitors.window(3), strangers.report(since=begin)
    assert before.requests > 100 and after.requests > 100
    assert after.share("v2") == pytest.approx(before.share("v2"), abs=5)
    assert new.requests > 100 and new.share("v2") == 0


def test_a_request_in_flight_ends_although_its_target_drains(network: Network) -> None:
    with live_balancer(network, {STABLE: ["app:v1-slow3000"]}) as live:
        (address,) = live.targets[STABLE]
        answers: list[int] = []
        client = threading.Thread(target=lambda: answers.append(live.get()[0]))
        client.start()
        soon(lambda: live.stat(STABLE, "upstream_rq_active") == 1, "the request is on its way")
        live.drain(STABLE, address)
        live.update()
        live.until_members(STABLE, 0)
        assert live.get()[0] == 503
        assert live.stat(STABLE, "upstream_rq_active") == 1, "the request ended before the target left"
        assert live.stop_task(STABLE, address) == 0
        client.join()
    assert answers == [200]


def test_an_envoy_that_died_is_started_again(live: LiveBalancer) -> None:
    balancer: Balancer = live.fleet._balancers["lb"]
    process: Any = balancer.envoy._process
    process.kill()
    process.wait()
    live.update()
    assert live.get()[0] == 200
