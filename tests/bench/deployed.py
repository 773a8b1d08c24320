# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab with a stack on it, brought to the same state before each run, and the calls that it counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lab import lifecycle
from lab.client import calls_of
from lab.playbooks import play
from lab.state import Lab
from lab.status import client_of
from tests.handmade import forward

STACK = "bench"
SETTINGS: dict[str, object] = {
    "stack_name": STACK,
    "listener_port": 8080,
    "health_interval": 5,
    "health_timeout": 2,
    "healthy_threshold": 2,
    "deregistration_delay": 1,
}


class BenchFailed(Exception):
    """Something that is measured did not do its job."""


@dataclass(frozen=True)
class Call:
    """One API call: its operation, and how many milliseconds the lab took to answer."""

    operation: str
    milliseconds: float


@dataclass
class Deployed:
    """The lab, and what is on it. ``facts`` has the names and ARNs by which the jobs are done."""

    lab: Lab
    facts: dict[str, Any]
    balancer: dict[str, Any]
    seen: int = 0

    def set_canary(self, percent: int) -> None:
        """Bring the split to ``percent``, and the canary's capacity to that of the first deploy."""
        groups = {self.facts["stable_target_group"]: 100 - percent, self.facts["canary_target_group"]: percent}
        client_of(self.lab, "elbv2").modify_rule(RuleArn=self.facts["rule"], Actions=[forward(groups)])
        client_of(self.lab, "application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=f"service/{self.facts['cluster']}/{self.facts['canary_service']}",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=2,
            MaxCapacity=4,
        )
        self.calls()

    def percent(self) -> int:
        """The canary's share now."""
        rule = client_of(self.lab, "elbv2").describe_rules(RuleArns=[self.facts["rule"]])["Rules"][0]
        groups = rule["Actions"][-1]["ForwardConfig"]["TargetGroups"]
        weights = {group["TargetGroupArn"]: group["Weight"] for group in groups}
        return int(100 * weights[self.facts["canary_target_group"]] / sum(weights.values()))

    def calls(self) -> list[Call]:
        """The API calls since this was last asked, from the lab's own log."""
        found = calls_of(self.lab, since=self.seen)
        self.seen = max([self.seen, *(call["number"] for call in found)])
        return [Call(call["operation"], call["milliseconds"]) for call in found]


@contextmanager
def deployed() -> Iterator[Deployed]:
    """A lab of the bench's own, with a canary deployed on it."""
    with lifecycle.own("bench", propagation_delay=0) as lab:
        deployed = play(lab, "deploy.yml", {**SETTINGS, "stable_image": "shop:v1", "canary_image": "shop:v2"})
        if not deployed.ok:
            raise BenchFailed(f"{deployed.command} exited {deployed.returncode}\n{deployed.output}")
        yield Deployed(lab, *_look(lab))


def _look(lab: Lab) -> tuple[dict[str, Any], dict[str, Any]]:
    """The names of the stack, and its load balancer as elb_application_lb wants it described."""
    stack = client_of(lab, "cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    facts = {
        "cluster": outputs["Cluster"],
        "stable_service": outputs["StableService"],
        "canary_service": outputs["CanaryService"],
        "stable_target_group": outputs["StableTargetGroupArn"],
        "canary_target_group": outputs["CanaryTargetGroupArn"],
        "rule": outputs["RuleArn"],
    }
    elbv2 = client_of(lab, "elbv2")
    balancer = elbv2.describe_load_balancers(LoadBalancerArns=[outputs["LoadBalancerArn"]])["LoadBalancers"][0]
    listener = elbv2.describe_listeners(LoadBalancerArn=outputs["LoadBalancerArn"])["Listeners"][0]
    rules = [
        rule
        for rule in elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        if rule["Priority"] != "default"
    ]
    return facts, {
        "name": balancer["LoadBalancerName"],
        "subnets": [zone["SubnetId"] for zone in balancer["AvailabilityZones"]],
        "security_groups": balancer["SecurityGroups"],
        "listeners": [
            {
                "Protocol": listener["Protocol"],
                "Port": listener["Port"],
                "DefaultActions": listener["DefaultActions"],
                "Rules": [{key: rule[key] for key in ("Conditions", "Priority", "Actions")} for rule in rules],
            }
        ],
    }
