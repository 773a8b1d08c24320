# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole canary release on this machine, as a newcomer wants to see it: ``make demo``.

The lab comes up, the playbooks of the collection run against it as a user would run them, and a load generator that
never stops says after each step what clients saw, next to what was asked for. What it shows it also checks: a share
that is off, a failed request, a promotion that did not reach stable or a process left behind ends it with the reason.
"""

from __future__ import annotations

import math
import re
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from lab import lifecycle
from lab.checkout import CHECKOUT
from lab.playbooks import Played, command_line, play
from lab.state import Lab, Process, State
from lab.status import client_of
from lab.traffic import Report, Traffic

RATE = 200
SECONDS_WATCHED = 10
LEAST_REQUESTS = 1000
TOLERANCE = 4.0
# The load balancer draws lots: so many standard deviations off, a share does not come by chance.
DEVIATIONS = 5
SETTINGS = CHECKOUT / "lab" / "demo.yml"
STACK = "canary-demo"
STABLE, CANARY = "shop:v1", "shop:v2"


class DemoFailed(Exception):
    """What the demo saw is not what canary.ecs promises."""


@dataclass(frozen=True)
class Stage:
    """One playbook of the release: what it is for, how it is run, and the share of v2 that clients must see after."""

    title: str
    why: str
    playbook: str
    share: float
    variables: dict[str, object] = field(default_factory=dict)

    @property
    def typed(self) -> str:
        """The command as a user types it; what all of them have in common is shown once."""
        return " ".join(command_line(self.playbook, self.variables))

    def run(self, lab: Lab) -> Played:
        """Run its playbook."""
        common = ("-e", f"@{SETTINGS}", "-e", f"stack_name={STACK}")
        return play(lab, self.playbook, self.variables, options=common)


STAGES = (
    Stage(
        "Deploy",
        "Two services behind one load balancer: v1 is stable, v2 the canary. A first deploy sends the canary 5 %.",
        "deploy.yml",
        5,
        {"stable_image": STABLE, "canary_image": CANARY},
    ),
    Stage(
        "Send 25 % to the canary",
        "The canary is sized for its share and healthy before the weights move.",
        "canary.yml",
        25,
        {"percent": 25},
    ),
    Stage(
        "Roll back",
        "All traffic to stable at once; the canary drains, then rests.",
        "rollback.yml",
        0,
    ),
    Stage(
        "Send everything to the canary",
        "The trial went well: v2 serves all clients, v1 stands by.",
        "canary.yml",
        100,
        {"percent": 100},
    ),
    Stage(
        "Promote",
        "Stable takes v2 while it has no traffic; then the traffic comes back to it, 5 % at a time.",
        "promote.yml",
        100,
    ),
)


def main() -> NoReturn:
    """Run the demo; exit 0 when every promise held, 1 with the reason when one did not."""
    began = time.monotonic()
    try:
        with lifecycle.own("demo") as lab:
            introduce(lab)
            release(lab)
            clean_up(lab)
    except DemoFailed as failure:
        sys.exit(f"\nThe demo failed: {failure}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; the lab is down.")
    print(f"\nDone in {time.monotonic() - began:.0f} s: every share as asked, no request failed, nothing left behind.")
    print("Try it by hand: docs/lab.md. On an AWS account of yours: docs/first-canary.md.")
    sys.exit(0)


def introduce(lab: Lab) -> None:
    """Say what is about to be seen."""
    say(
        f"""
        A canary release of a shop from v1 to v2, on this machine: AWS is played by the lab at {lab.endpoint},
        tasks are processes, the load balancer is an Envoy. {RATE} requests a second run throughout, and each table
        shows what those clients saw in {SECONDS_WATCHED} s after a step.
        Every command below also has:  -e @{SETTINGS.relative_to(CHECKOUT)} -e stack_name={STACK}
        """
    )


def release(lab: Lab) -> None:
    """The five stages under load, and what clients saw over all of them."""
    first, *rest = STAGES
    begin(1, first)
    advance(first, lab)
    with Traffic(address(lab), rate=RATE) as traffic:
        since = traffic.mark()
        watch(first, traffic, since)
        for number, stage in enumerate(rest, start=2):
            begin(number, stage)
            before = traffic.mark()
            advance(stage, lab)
            watch(stage, traffic, before)
        stable_serves(lab, CANARY)
        whole(traffic.report(since=since))
    status = Stage("Look", "The end of it, as anybody can see it at any time.", "status.yml", 100)
    begin(len(STAGES) + 1, status)
    print(textwrap.indent("\n".join(table_of(advance(status, lab))), "   "), flush=True)


def begin(number: int, stage: Stage) -> None:
    """Announce a stage."""
    print(f"\n{number}. {stage.title}\n   {stage.why}\n   $ {stage.typed}", flush=True)


def advance(stage: Stage, lab: Lab) -> Played:
    """Run a stage's playbook, which must end well."""
    played = stage.run(lab)
    if not played.ok:
        raise DemoFailed(f"{played.command} exited {played.returncode}\n{played.output}")
    print(f"   took {played.seconds:.0f} s", flush=True)
    return played


def table_of(status: Played) -> list[str]:
    """The lines of the table, out of what ``ansible-playbook`` prints around it."""
    texts = re.findall(r'^ +"(.*?)",?$', status.output, re.MULTILINE)
    return [text for text in texts if not text.startswith("msg")]


def watch(stage: Stage, traffic: Traffic, before: float) -> None:
    """Show and check what clients see after a stage, and that none failed since ``before`` it."""
    # A weight takes effect in the data plane some seconds after the API has taken it.
    time.sleep(lifecycle.PROPAGATION_DELAY + 0.5)
    seen = traffic.window(SECONDS_WATCHED)
    show(stage.share, seen)
    if seen.requests < LEAST_REQUESTS:
        raise DemoFailed(f"only {seen.requests} requests were answered, too few to tell a share from")
    within = max(TOLERANCE, DEVIATIONS * math.sqrt(stage.share * (100 - stage.share) / seen.requests))
    if abs(seen.share("v2") - stage.share) > within:
        raise DemoFailed(f"v2 was asked to take {stage.share:g} % of the requests and took {seen.share('v2'):.1f} %")
    none_failed(traffic.report(since=before))


def show(share: float, seen: Report) -> None:
    """A table of two lines: each version's share as asked and as seen, its requests, failures and latencies."""
    print(f"   {'':8} {'asked':>7} {'seen':>8} {'requests':>9} {'failed':>7} {'p50':>9} {'p99':>9}")
    for version, asked in (("v1", 100 - share), ("v2", share)):
        row = seen.versions.get(version)
        counts = (row.requests, row.failed) if row else (0, 0)
        times = f"{row.p50 * 1000:>6.1f} ms {row.p99 * 1000:>6.1f} ms" if row else ""
        print(
            f"   {version:8} {asked:>5g} % {seen.share(version):>6.1f} % {counts[0]:>9} {counts[1]:>7} {times}".rstrip()
        )
    sys.stdout.flush()


def none_failed(report: Report) -> None:
    """Not one request may fail."""
    if report.failed:
        raise DemoFailed(f"requests failed:\n{report}")


def whole(report: Report) -> None:
    """What clients saw from the first stage to the last."""
    none_failed(report)
    say(f"Over the whole release clients sent {report.requests} requests, and {report.failed} failed.")


def stable_serves(lab: Lab, image: str) -> None:
    """Stable must hold all traffic and run ``image``, read through AWS's own API rather than ours."""
    outputs = stack_outputs(lab)
    service = client_of(lab, "ecs").describe_services(cluster=outputs["Cluster"], services=[outputs["StableService"]])
    definition = client_of(lab, "ecs").describe_task_definition(taskDefinition=service["services"][0]["taskDefinition"])
    images = [container["image"] for container in definition["taskDefinition"]["containerDefinitions"]]
    if images != [image]:
        raise DemoFailed(f"after the promotion stable runs {images}, not {image}")
    rules = client_of(lab, "elbv2").describe_rules(RuleArns=[outputs["RuleArn"]])["Rules"]
    groups = rules[0]["Actions"][-1]["ForwardConfig"]["TargetGroups"]
    weights = {group["TargetGroupArn"]: group["Weight"] for group in groups}
    if weights[outputs["CanaryTargetGroupArn"]] != 0 or weights[outputs["StableTargetGroupArn"]] == 0:
        raise DemoFailed(f"after the promotion the weights are {weights}: not all traffic is with stable")


def clean_up(lab: Lab) -> None:
    """Remove the stack, end the lab, and make sure that nothing of it is left."""
    stage = Stage("Destroy", "The stack is removed, and the lab with it.", "destroy.yml", 0)
    begin(len(STAGES) + 2, stage)
    advance(stage, lab)
    processes = list(descendants(lab))
    lifecycle.down(lab.name)
    left = [process.pid for process in processes if process.alive()]
    if left:
        raise DemoFailed(f"these processes of the lab are still there: {left}")


def descendants(lab: Lab) -> Iterator[Process]:
    """The lab's process and those that it has started."""
    found = State(lab.name).process()
    waiting = [found] if found else []
    while waiting:
        process = waiting.pop()
        yield process
        for thread in Path(f"/proc/{process.pid}/task").iterdir():
            children = (thread / "children").read_text().split()
            waiting += [child for pid in children if (child := Process.of(int(pid)))]


def address(lab: Lab) -> str:
    """Where clients reach the shop."""
    return stack_outputs(lab)["Url"]


def stack_outputs(lab: Lab) -> dict[str, str]:
    """The outputs of the demo's stack."""
    stack = client_of(lab, "cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def say(text: str) -> None:
    """Print a paragraph."""
    print("\n" + textwrap.dedent(text).strip(), flush=True)


if __name__ == "__main__":
    main()
