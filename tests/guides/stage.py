# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the examples run: a lab, two services of the reader's own on it, and a folder that looks like a checkout."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.rehearsal import BINARIES, environment
from lab.state import Lab
from lab.status import client_of
from lab.tied import CHECKOUT

BORROWED = ("docs", "lab", "playbooks", "roles")
HEALTH = {
    "HealthCheckPath": "/health",
    "HealthCheckIntervalSeconds": 5,
    "HealthCheckTimeoutSeconds": 2,
    "HealthyThresholdCount": 2,
}


@dataclass
class Stage:
    """The lab of one or more guides; ``names`` has what `Stage.pair` made, for their placeholders."""

    lab: Lab
    names: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A boto3 client of the lab."""
        return client_of(self.lab, service)

    def pair(self, cluster: str, stable: str, canary: str) -> None:
        """Two services whose groups share a listener's rule, and a rule that knows the stable one alone."""
        elbv2, vpc, subnets = self.client("elbv2"), *self._network()
        groups = {name: self._group(name, vpc) for name in (stable, canary)}
        balancer = elbv2.create_load_balancer(Name=cluster, Subnets=subnets)["LoadBalancers"][0]
        listener = elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=8080,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
        )["Listeners"][0]["ListenerArn"]
        shared = self._rule(listener, 10, "/*", {groups[stable]: 100, groups[canary]: 0})
        alone = self._rule(listener, 5, "/cart*", {groups[stable]: 100})
        self.client("ecs").create_cluster(clusterName=cluster)
        for name, version in ((stable, "v1"), (canary, "v2")):
            self._service(cluster, name, f"cart:{version}", groups[name], subnets)
        self.names.update(
            url=f"http://{balancer['DNSName']}:8080",
            listener=listener,
            shared_rule=shared,
            rule=alone,
            stable_group=groups[stable],
            canary_group=groups[canary],
        )
        self._until_healthy(*groups.values())

    def _network(self) -> tuple[str, list[str]]:
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        made = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{index}.0/24", AvailabilityZone=f"us-east-1{zone}")
            for index, zone in enumerate("ab")
        ]
        return vpc, [subnet["Subnet"]["SubnetId"] for subnet in made]

    def _rule(self, listener: str, priority: int, path: str, weights: dict[str, int]) -> str:
        made = self.client("elbv2").create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [path]}],
            Actions=[_forward(weights)],
        )
        return str(made["Rules"][0]["RuleArn"])

    def _group(self, name: str, vpc: str) -> str:
        elbv2 = self.client("elbv2")
        made = elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip", **HEALTH)
        group = str(made["TargetGroups"][0]["TargetGroupArn"])
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "1"}
        elbv2.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])
        return group

    def _service(self, cluster: str, name: str, image: str, group: str, subnets: list[str]) -> None:
        """A service of two tasks, with a scalable target."""
        self.client("ecs").create_service(
            cluster=cluster,
            serviceName=name,
            taskDefinition=self.release(name, image),
            desiredCount=2,
            launchType="FARGATE",
            loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": 8000}],
            networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
        )
        self.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=f"service/{cluster}/{name}",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=2,
            MaxCapacity=8,
        )

    def release(self, family: str, image: str) -> str:
        """A new task definition."""
        made = self.client("ecs").register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "app", "image": image, "portMappings": [{"containerPort": 8000}]}],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def _until_healthy(self, *groups: str) -> None:
        deadline = time.monotonic() + 90
        while any(self._healthy(group) < 2 for group in groups):
            assert time.monotonic() < deadline, "the stage's services do not become healthy"
            time.sleep(0.5)

    def _healthy(self, group: str) -> int:
        states = self.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return sum(state["TargetHealth"]["State"] == "healthy" for state in states)


def _forward(weights: dict[str, int]) -> dict[str, Any]:
    groups = [{"TargetGroupArn": group, "Weight": weight} for group, weight in weights.items()]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}


@dataclass(frozen=True)
class Desk:
    """A reader's folder and shell: the folders of a checkout are there, and each playbook runs with ``settings``."""

    folder: Path
    lab: Lab

    @classmethod
    def of(cls, folder: Path, lab: Lab, settings: dict[str, object]) -> Desk:
        """Set one up in an empty folder."""
        for name in BORROWED:
            (folder / name).symlink_to(Path(CHECKOUT) / name)
        (folder / ".bin").mkdir()
        (folder / ".settings.json").write_text(json.dumps(settings))
        (folder / ".labs").mkdir(mode=0o700)
        playbook = folder / ".bin" / "ansible-playbook"
        playbook.write_text(f'#!/bin/sh\nexec {BINARIES}/ansible-playbook -e @{folder}/.settings.json "$@"\n')
        playbook.chmod(0o755)
        return cls(folder, lab)

    def run(self, script: str, *, timeout: float = 800, **more: str) -> subprocess.CompletedProcess[str]:
        """Have bash run it, to the first command that fails."""
        own = environment(self.lab)
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env={
                **own,
                "PATH": f"{self.folder / '.bin'}:{own['PATH']}",
                "PYTHONPATH": CHECKOUT,
                # Labs that the reader brings up have the names that they have in the guide, and nobody else's.
                "XDG_RUNTIME_DIR": str(self.folder / ".labs"),
                "AWS_PAGER": "",
                **more,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
