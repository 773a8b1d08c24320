# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sweep: each flow is killed at each of its API calls, run again, and must end as if nothing had happened.

``make chaos`` takes hours; ``make chaos EVERY=10`` takes each tenth moment, ``ONLY=changes`` those that differ most. A
call that changes something is cut off before and after it takes effect: what a killed flow leaves behind is of these
alone, so they come first. One that reads is cut off before it is answered; of the readings of one wait, the first two
are taken: nothing but time passes between the others. A flow's moments are dealt out to a few parts, for several
workers, each with a lab of its own.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.holding import TAG
from ansible_collections.canary.ecs.plugins.module_utils._canary.previous_release import KEYS, to_remember

from lab import lifecycle
from lab.client import calls_of, last_call_of
from tests.application import SETTINGS, Application, until
from tests.handmade import forward
from tests.killing import ANY, Moment, killed

EVERY = int(os.environ.get("EVERY", "1"))
READINGS = 2
PARTS = {"changes": 2, "readings": 3}
# Enough to see a group fail for a moment, and little enough that several labs have room on one machine.
RATE = 20
SHORT: dict[str, Any] = {"deregistration_delay": 5, "metric_delay": 1}
DEPLOYED: dict[str, Any] = {"stable_image": "shop:v1", "canary_image": "shop:v2", "stable_desired": 3, "stable_max": 6}


@dataclass(frozen=True)
class Flow:
    """A playbook, and where it starts: the canary's percent and both capacities (min, desired, max).

    ``promoted`` is a start in the middle of a promotion: stable has the canary's release, and remembers its own.
    ``then`` is the playbook that is run after it was killed, where that is not the same again; what it finds, and may
    leave as it is, is ``open_ended``.
    """

    playbook: str
    percent: int
    canary: tuple[int, int, int]
    stable: tuple[int, int, int] = (2, 3, 6)
    promoted: bool = False
    then: str = ""
    open_ended: tuple[str, ...] = ()
    variables: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        then = f", then {self.then}" if self.then else ""
        middle = " of a promotion" if self.promoted else ""
        return f"{self.playbook}{middle} from {self.percent} %{then}"


# The longest first, so that the workers end at about the same time.
FLOWS = {
    "promote": Flow("promote.yml", 100, (3, 3, 6), variables={"return_step": 50}),
    # Which release stable has then, and remembers, is a matter of when it was killed.
    "promote, then rollback": Flow(
        *("promote.yml", 100, (3, 3, 6)),
        then="rollback.yml",
        open_ended=("Stable release", "tags"),
        variables={"return_step": 50},
    ),
    "rollback of a promotion": Flow("rollback.yml", 50, (3, 3, 6), promoted=True, variables={"restore": True}),
    # Of the ways back, stable has been scaled in, so that it is sized and held before.
    "rollback": Flow("rollback.yml", 100, (3, 3, 6), (2, 2, 6)),
    "shift down": Flow("canary.yml", 100, (3, 3, 6), (2, 2, 6), variables={"percent": 25}),
    "shift up": Flow("canary.yml", 25, (2, 2, 4), variables={"percent": 100}),
    # A canary that has got its tasks, and not yet its traffic, looks busy: stable may get one task more.
    "shift, then rollback": Flow(
        *("canary.yml", 25, (2, 2, 4)),
        then="rollback.yml",
        open_ended=("Stable capacity", "Stable tasks"),
        variables={"percent": 100},
    ),
}
# Where another playbook follows, it matters only what was left behind: a reading leaves nothing.
SWEEPS = [
    pytest.param(flow, calls, part, id=f"{name}-{calls}-{part}")
    for calls, parts in PARTS.items()
    for name, flow in FLOWS.items()
    if calls == "changes" or not flow.then
    for part in range(1, parts + 1)
]


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    """A stack on a lab of its own, v1 stable and v2 canary, with two rules that split between them."""
    with lifecycle.own("chaos") as lab:
        found = Application(lab, {"stack_name": "chaos", **SETTINGS, **SHORT})
        found.succeed("deploy.yml", **DEPLOYED)
        found.second_rule()
        yield found


@pytest.fixture(scope="module")
def releases(application: Application) -> dict[str, str]:
    """The releases that both services start with."""
    return {which: application.service(which)["taskDefinition"] for which in ("Stable", "Canary")}


@pytest.mark.timeout(0)
@pytest.mark.parametrize(("flow", "calls", "part"), SWEEPS)
def test_a_flow_survives_being_killed_at_every_call(
    application: Application, releases: dict[str, str], flow: Flow, calls: str, part: int
) -> None:
    bring_to(application, releases, flow)
    since = last_call_of(application.lab)
    application.succeed(flow.playbook, **flow.variables)
    swept_calls = calls_of(application.lab, since=since)
    if flow.then:
        application.succeed(flow.then)
    whole = outcome(application)
    found = [moment for moment in moments(swept_calls) if (moment.operation != ANY) == (calls == "changes")]
    swept = list(enumerate(found[::EVERY], start=1))
    problems = []
    for number, moment in swept[part - 1 :: PARTS[calls]]:
        bring_to(application, releases, flow)
        hit, problem = strike(application, flow, moment, whole)
        how = f"killed {moment}" if hit else f"through before {moment}"
        tell(f"{flow}, {calls} {number}/{len(swept)}, {how}: {problem or 'as if uninterrupted'}")
        problems += [f"killed {moment}: {problem}"] if problem else []
    assert problems == []


def tell(line: str) -> None:
    """Show how far the sweep is: a worker's standard output goes to nobody."""
    print(line, file=sys.__stderr__, flush=True)


def strike(
    application: Application, flow: Flow, moment: Moment, whole: dict[str, Any]
) -> tuple[dict[str, Any] | None, str]:
    """Kill the flow, and run it again: the call that was cut off, and what is wrong then; empty where nothing is.

    A flow that reads less often than the run before may be through already. It never changes less.
    """
    with application.traffic(rate=RATE) as traffic:
        begin = traffic.mark()
        hit = killed(application, flow.playbook, moment, **flow.variables)
        played = application.play(flow.then) if flow.then else application.play(flow.playbook, **flow.variables)
        report = traffic.report(since=begin)
    ended = outcome(application)
    agreed = {name: value for name, value in whole.items() if name not in flow.open_ended}
    wrong = [f"{name} is {ended[name]}, not {value}" for name, value in agreed.items() if ended[name] != value]
    least, now = whole["Stable tasks"], ended["Stable tasks"]
    if now < least:
        wrong.append(f"stable has {now} tasks, not {least} or more")
    if hit is None and moment.operation != ANY:
        wrong.append("it ended without that call")
    if not played.ok:
        wrong.append(f"it exited {played.returncode}: {played.output[-2000:]}")
    if report.failed:
        wrong.append(f"clients saw {report}")
    return hit, "; ".join(wrong)


def moments(calls: list[dict[str, Any]]) -> list[Moment]:
    """The moments to kill a flow at, from the log of an uninterrupted run."""
    found: list[Moment] = []
    made: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for number, call in enumerate(calls, start=1):
        operation = call["operation"]
        if call["mutating"]:
            made[operation] += 1
            read.clear()
            found += [Moment(made[operation], operation), Moment(made[operation], operation, after=True)]
            continue
        read[operation] += 1
        if read[operation] <= READINGS:
            found.append(Moment(number))
    return found


def outcome(application: Application) -> dict[str, Any]:
    """What an uninterrupted run and one that was killed must agree in."""
    described = application.client("ecs").describe_services(
        cluster=application.outputs["Cluster"], services=[application.outputs["StableService"]], include=["TAGS"]
    )
    tags = {tag["key"]: tag["value"] for tag in described["services"][0].get("tags", [])}
    capacities = {which: application.capacity(which) for which in ("Stable", "Canary")}
    return {
        **application.state,
        "splits": [application.split(rule) for rule in application.rules()],
        "tags": {key: value for key, value in tags.items() if key != TAG},
        "held": tags.get(TAG),
        "Stable tasks": capacities["Stable"][1],
        "bounds": [(low, high) for low, _desired, high in capacities.values()],
        "unhealthy": [desired - application.healthy(which) for which, (_low, desired, _high) in capacities.items()],
    }


def bring_to(application: Application, releases: dict[str, str], flow: Flow) -> None:
    """Bring the stack to where the flow starts, by AWS's own API and without a look at clients."""
    ecs = application.client("ecs")
    for which, capacity in (("Stable", flow.stable), ("Canary", flow.canary)):
        service = application.service(which)
        ecs.update_service(
            cluster=service["clusterArn"],
            service=service["serviceName"],
            taskDefinition=releases["Canary" if flow.promoted else which],
        )
        application.resize(which, *capacity)
        ecs.untag_resource(resourceArn=service["serviceArn"], tagKeys=[TAG, *KEYS])
    if flow.promoted:
        remembered = to_remember(releases["Stable"], releases["Canary"], releases["Canary"])
        tags = [{"key": key, "value": value} for key, value in remembered.items()]
        ecs.tag_resource(resourceArn=application.service("Stable")["serviceArn"], tags=tags)
    split(application, flow.percent)
    until(lambda: settled(application), seconds=180, what="the stack is where the flow starts")
    time.sleep(application.lab.propagation_delay + 0.5)


def split(application: Application, percent: int) -> None:
    """Set the weights of both rules."""
    weights = {"StableTargetGroupArn": 100 - percent, "CanaryTargetGroupArn": percent}
    action = forward({application.outputs[name]: weight for name, weight in weights.items()})
    for rule in application.rules():
        application.client("elbv2").modify_rule(RuleArn=rule, Actions=[action])


def settled(application: Application) -> bool:
    """Whether both services run what they should, with healthy targets and no others."""
    elbv2 = application.client("elbv2")
    for which in ("Stable", "Canary"):
        service, group = application.service(which), application.outputs[f"{which}TargetGroupArn"]
        targets = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        if len(service["deployments"]) != 1 or service["deployments"][0]["rolloutState"] != "COMPLETED":
            return False
        if [target["TargetHealth"]["State"] for target in targets] != ["healthy"] * service["desiredCount"]:
            return False
    return True
