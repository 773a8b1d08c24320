# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud with a clock that the test moves, tasks that are records, and probes that answer from the image's tag."""

from __future__ import annotations

import itertools
from typing import Any

import boto3

from lab.control.cloud import Cloud
from lab.control.settings import Settings
from lab.control.views import TaskSpec
from lab.scheduler.probes import Finding, HealthCheck, Probes
from tests.handmade import forward

TICK = 0.25
REGION = "eu-central-1"
ILL = Finding(
    passed=False, reason="Target.ResponseCodeMismatch", description="Health checks failed with these codes: [500]"
)

SESSION = boto3.Session()
"""One for all worlds: reading the service models takes most of a client's time."""


class Clock:
    """Stands still unless moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Net:
    """Addresses that nothing listens on; the control plane takes any free port."""

    control_plane = ("127.0.0.1", 0)

    def __init__(self) -> None:
        self._balancers, self._tasks = itertools.count(1), itertools.count(1)

    def next_load_balancer(self) -> str:
        return f"127.9.1.{next(self._balancers)}"

    def next_task(self) -> str:
        return f"127.9.16.{next(self._tasks)}"


class Process:
    """A task's process: a tag with ``crash`` exits 1 at once, one with ``deaf`` ignores SIGTERM."""

    pid = 1

    def __init__(self, spec: TaskSpec) -> None:
        self.spec = spec
        self.tag = spec.containers[0].image.rpartition(":")[2]
        self.status: int | None = 1 if "crash" in self.tag else None
        self.signals: list[str] = []

    def poll(self) -> int | None:
        return self.status

    def terminate(self) -> None:
        self.signals.append("TERM")
        if "deaf" not in self.tag and self.status is None:
            self.status = 0

    def kill(self) -> None:
        self.signals.append("KILL")
        self.status = -9


class World:
    """One running cloud and the clients of its API."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.processes: dict[str, Process] = {}
        self.ill: set[str] = set()
        self.probed: list[str] = []
        settings = Settings(region=REGION, clock=self.clock)
        self.cloud = Cloud(network=Net(), spawn=self._spawn, settings=settings, probes=Probes(self._probe, workers=0))
        self.cloud.start()
        endpoint = f"http://127.0.0.1:{self.cloud.server.port}"
        self._given = {
            "region_name": REGION,
            "endpoint_url": endpoint,
            "aws_access_key_id": "lab",
            "aws_secret_access_key": "lab",
        }
        self.endpoint = endpoint
        self.ecs, self.elb = self.client("ecs"), self.client("elbv2")

    def client(self, service: str, **more: Any) -> Any:
        """A boto3 client of the cloud's API."""
        make: Any = SESSION.client
        return make(service, **self._given, **more)

    def run(self, seconds: float) -> None:
        """Let time pass, tick by tick."""
        for _turn in range(int(seconds / TICK)):
            self.clock.now += TICK
            self.cloud.tick()

    def subnets(self) -> tuple[str, list[str]]:
        """A VPC and two subnets of it."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        made = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
            for number, zone in enumerate("ab")
        ]
        return vpc, [one["Subnet"]["SubnetId"] for one in made]

    def group(self, name: str, vpc: str, **settings: Any) -> str:
        """A target group for tasks; draining takes 5 s."""
        defaults = {
            "Protocol": "HTTP",
            "Port": 8000,
            "TargetType": "ip",
            "HealthCheckIntervalSeconds": 5,
            "HealthCheckTimeoutSeconds": 2,
            "HealthyThresholdCount": 3,
            "UnhealthyThresholdCount": 2,
        }
        made = self.elb.create_target_group(Name=name, VpcId=vpc, **{**defaults, **settings})
        arn: str = made["TargetGroups"][0]["TargetGroupArn"]
        delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=delay)
        return arn

    def task_definition(self, tag: str) -> str:
        """A revision of family ``app`` with an image of this tag."""
        made = self.ecs.register_task_definition(
            family="app",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "app", "image": f"r/app:{tag}", "portMappings": [{"containerPort": 8000}]}],
        )
        arn: str = made["taskDefinition"]["taskDefinitionArn"]
        return arn

    def service(self, name: str = "app", cluster: str = "main") -> dict[str, Any]:
        """The service as DescribeServices shows it."""
        shape: dict[str, Any] = self.ecs.describe_services(cluster=cluster, services=[name])["services"][0]
        return shape

    def states(self, group: str) -> list[str]:
        """The states of a group's targets."""
        found = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return sorted(one["TargetHealth"]["State"] for one in found)

    def tags_running(self) -> list[str]:
        """The image tags of the processes that live, those that leave too."""
        return sorted(process.tag for process in self.processes.values() if process.status is None)

    def _spawn(self, spec: TaskSpec) -> Process:
        self.processes[spec.address] = Process(spec)
        return self.processes[spec.address]

    def _probe(self, address: str, port: int, check: HealthCheck) -> Finding:
        self.probed.append(address)
        process = self.processes.get(address)
        well = process is not None and process.status is None and "unhealthy" not in process.tag
        return Finding(passed=True) if well and address not in self.ill else ILL


class Pair(World):
    """A world with a stable and a canary target group behind one listener rule, and a cluster ``main``."""

    def __init__(self) -> None:
        super().__init__()
        self.vpc, self.subnet_ids = self.subnets()
        self.stable, self.canary = self.group("stable", self.vpc), self.group("canary", self.vpc)
        made = self.elb.create_load_balancer(Name="balancer", Subnets=self.subnet_ids)
        self.balancer = made["LoadBalancers"][0]
        listener = self.elb.create_listener(
            LoadBalancerArn=self.balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
        )
        self.listener: str = listener["Listeners"][0]["ListenerArn"]
        rule = self.elb.create_rule(
            ListenerArn=self.listener,
            Priority=10,
            Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
            Actions=[self.forward(100, 0)],
        )
        self.rule: str = rule["Rules"][0]["RuleArn"]
        self.ecs.create_cluster(clusterName="main")

    def forward(self, stable: int, canary: int, **more: Any) -> dict[str, Any]:
        """A forward action to both groups."""
        action = forward({self.stable: stable, self.canary: canary})
        action["ForwardConfig"].update(more)
        return action

    def create_service(self, tag: str = "v1", *, name: str = "app", count: int = 2, **more: Any) -> None:
        """A service on the stable group, circuit breaker with rollback on."""
        request = {
            "cluster": "main",
            "serviceName": name,
            "taskDefinition": self.task_definition(tag),
            "desiredCount": count,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": self.subnet_ids}},
            "loadBalancers": [{"targetGroupArn": self.stable, "containerName": "app", "containerPort": 8000}],
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        }
        self.ecs.create_service(**{**request, **more})
