# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One application of a flow's test on the lab: run its playbooks, and read what became of it through AWS's own API."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab import lifecycle
from lab.client import starved
from lab.playbooks import BINARIES, PLAYBOOKS, Played, environment, play
from lab.state import Lab
from lab.status import client_of
from lab.traffic import Report, Traffic

# The shortest health checks that a load balancer takes, and a deregistration delay long enough to matter.
SETTINGS: dict[str, object] = {
    "listener_port": 8080,
    "health_interval": 5,
    "health_timeout": 2,
    "health_grace": 30,
    "deregistration_delay": 10,
    "propagation_delay": 3,
    # More than the lab's own autoscaler is behind the load.
    "metric_delay": 7,
    "return_interval": 0,
}
RATE = 200
FEW = 50
"""Requests a second where a flow's calls are in question, and not its load: none may fail, and they take little."""
SETTLED = lifecycle.PROPAGATION_DELAY + 0.5
"""Seconds after which the lab's load balancer has taken a weight in."""


@dataclass
class Application:
    """A stack of canary.ecs on the lab, or two services of somebody else's (then without outputs)."""

    lab: Lab
    common: dict[str, object]
    found: dict[str, str] = field(default_factory=dict)

    def play(
        self,
        playbook: str,
        *,
        options: Sequence[str] = (),
        folder: Path = PLAYBOOKS,
        **variables: object,
    ) -> Played:
        """Run a playbook, whatever comes of it."""
        return play(self.lab, playbook, {**self.common, **variables}, options=options, folder=folder)

    def succeed(self, playbook: str, *, options: Sequence[str] = (), **variables: object) -> Played:
        """Run a playbook that must end well."""
        played = self.play(playbook, options=options, **variables)
        if not played.ok:
            pytest.fail(f"{played.command} exited {played.returncode}\n{played.output}", pytrace=False)
        return played

    def fail(self, playbook: str, **variables: object) -> Played:
        """Run a playbook that must fail, with a message and without a traceback."""
        played = self.play(playbook, **variables)
        if played.ok or "Traceback" in played.output:
            pytest.fail(f"{played.command} exited {played.returncode}\n{played.output}", pytrace=False)
        return played

    def client(self, service: str) -> Any:
        """A boto3 client of the lab."""
        return client_of(self.lab, service)

    def aws(self, *words: str) -> Any:
        """What the AWS CLI answers: a second party that knows nothing of ours."""
        done = subprocess.run(
            [BINARIES / "aws", *words, "--output", "json"],
            env=environment(self.lab),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of its stack."""
        if not self.found:
            stack = self.client("cloudformation").describe_stacks(StackName=self.common["stack_name"])["Stacks"][0]
            self.found.update((output["OutputKey"], output["OutputValue"]) for output in stack["Outputs"])
        return self.found

    def split(self, rule: str | None = None) -> tuple[int, int]:
        """The live weights of stable and canary on a rule."""
        found = self.client("elbv2").describe_rules(RuleArns=[rule or self.outputs["RuleArn"]])["Rules"][0]
        groups = found["Actions"][-1]["ForwardConfig"]["TargetGroups"]
        weights = {group["TargetGroupArn"]: group["Weight"] for group in groups}
        return weights[self.outputs["StableTargetGroupArn"]], weights[self.outputs["CanaryTargetGroupArn"]]

    def rules(self) -> list[str]:
        """The rules of the stack's listener that forward to both target groups, in the order of their ARNs."""
        found = self.client("elbv2").describe_rules(ListenerArn=self.outputs["ListenerArn"])["Rules"]
        return sorted(rule["RuleArn"] for rule in found if rule["Actions"][-1]["Type"] == "forward")

    def second_rule(self) -> str:
        """Add a rule that splits as the stack's own does; its ARN."""
        elbv2 = self.client("elbv2")
        action = elbv2.describe_rules(RuleArns=[self.outputs["RuleArn"]])["Rules"][0]["Actions"][-1]
        made = elbv2.create_rule(
            ListenerArn=self.outputs["ListenerArn"],
            Priority=7,
            Conditions=[{"Field": "path-pattern", "Values": ["/other*"]}],
            Actions=[{"Type": "forward", "ForwardConfig": action["ForwardConfig"]}],
        )
        return str(made["Rules"][0]["RuleArn"])

    def service(self, which: str) -> dict[str, Any]:
        """The stable or the canary service (``Stable``, ``Canary``), as ECS describes it."""
        found = self.client("ecs").describe_services(
            cluster=self.outputs["Cluster"], services=[self.outputs[f"{which}Service"]]
        )
        return dict(found["services"][0])

    def image(self, which: str) -> str:
        """The image that a service's task definition names."""
        definition = self.client("ecs").describe_task_definition(taskDefinition=self.service(which)["taskDefinition"])
        return str(definition["taskDefinition"]["containerDefinitions"][0]["image"])

    def capacity(self, which: str) -> tuple[int, int, int]:
        """The min, desired and max of a service."""
        service = self.service(which)
        resource = "service/" + service["serviceArn"].split(":service/")[1]
        target = self.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[resource]
        )["ScalableTargets"][0]
        return target["MinCapacity"], service["desiredCount"], target["MaxCapacity"]

    def resize(self, which: str, low: int, desired: int, high: int) -> None:
        """Give a service another capacity behind everybody's back, and wait until it has it."""
        self.ask_for(which, low, desired, high)
        self.until_healthy(which, desired)

    def ask_for(self, which: str, low: int, desired: int, high: int) -> None:
        """Ask ECS for another capacity of a service."""
        service = self.service(which)
        self.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId="service/" + service["serviceArn"].split(":service/")[1],
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=low,
            MaxCapacity=high,
        )
        self.client("ecs").update_service(
            cluster=service["clusterArn"], service=service["serviceName"], desiredCount=desired
        )

    def until_healthy(self, which: str, count: int) -> None:
        """Wait until a service has so many healthy tasks."""
        until(lambda: self.healthy(which) == count, seconds=60, what=f"{which} has {count} healthy tasks")

    def hurry(self, which: str) -> None:
        """Let target tracking scale a service in as soon as it is idle, not after minutes."""
        scaling, service = self.client("application-autoscaling"), self.service(which)
        target = {
            "ServiceNamespace": "ecs",
            "ResourceId": "service/" + service["serviceArn"].split(":service/")[1],
            "ScalableDimension": "ecs:service:DesiredCount",
        }
        for policy in scaling.describe_scaling_policies(**target)["ScalingPolicies"]:
            tracking = {**policy["TargetTrackingScalingPolicyConfiguration"], "ScaleInCooldown": 1}
            scaling.put_scaling_policy(
                **target,
                PolicyName=policy["PolicyName"],
                PolicyType=policy["PolicyType"],
                TargetTrackingScalingPolicyConfiguration=tracking,
            )

    def healthy(self, which: str) -> int:
        """How many targets of a service's group are healthy."""
        group = self.outputs[f"{which}TargetGroupArn"]
        states = self.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return sum(state["TargetHealth"]["State"] == "healthy" for state in states)

    @property
    def state(self) -> dict[str, object]:
        """What a flow may change of it, to be compared before and after."""
        return {
            "split": self.split(),
            **{f"{which} capacity": self.capacity(which) for which in ("Stable", "Canary")},
            **{f"{which} release": self.service(which)["taskDefinition"] for which in ("Stable", "Canary")},
        }

    @contextmanager
    def traffic(self, *, rate: int = RATE) -> Iterator[Traffic]:
        """Clients of it, who never stop; and a watch that no group that takes requests is without healthy targets."""
        begin = time.time()
        with Traffic(self.outputs["Url"], rate=rate) as traffic:
            yield traffic
        mine = {self.outputs["StableTargetGroupArn"], self.outputs["CanaryTargetGroupArn"]}
        assert [each for each in starved(self.lab, since=begin) if each["target_group"] in mine] == []


def no_failure(report: Report) -> None:
    """Not one client's request failed."""
    assert report.failed == 0, str(report)


def seen(traffic: Traffic, share: float, *, version: str = "v2") -> None:
    """Clients see ``version`` on ``share`` % of their requests, once the load balancer has taken the weights in.

    The load balancer draws lots: five standard deviations off, it does not come by chance.
    """
    time.sleep(SETTLED)
    if share in (0, 100):
        # No lot is drawn, so that from here on one request that goes elsewhere is one too many.
        until(lambda: shows(traffic.window(1), share, version), seconds=20, what=f"{version} takes {share:g} %")
    report = watched(traffic, 1000, seconds=6)
    within = 5 * math.sqrt(share * (100 - share) / report.requests)
    assert report.share(version) == pytest.approx(share, abs=within), str(report)


def shows(report: Report, share: float, version: str) -> bool:
    """Whether there were requests, and just this share of them was answered by a version."""
    return report.requests > 0 and report.share(version) == share


def watched(traffic: Traffic, requests: int, *, seconds: float = 0) -> Report:
    """What became of the requests from now on: of so many at least, and for some seconds at least."""
    begin = traffic.mark()
    time.sleep(seconds)
    report = traffic.report(since=begin)
    while report.requests < requests:
        assert time.monotonic() < begin + 60, f"not {requests} requests within a minute\n{report}"
        time.sleep(0.1)
        report = traffic.report(since=begin)
    return report


def until(true: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait for something that the lab brings about."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"after {seconds:g} s still waiting until {what}", pytrace=False)
        time.sleep(0.2)
