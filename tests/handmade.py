# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services behind a load balancer that somebody made with plain API calls, and no stack of ours."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from lab.state import Lab
from lab.status import client_of

NOT_FOUND: dict[str, Any] = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
"""The action of a rule that leads nowhere."""

_CONTAINER, _PORT = "app", 8000


@dataclass
class Handmade:
    """Makes them on a lab, one by one."""

    lab: Lab

    def client(self, service: str) -> Any:
        """A boto3 client of the lab."""
        return client_of(self.lab, service)

    def network(self) -> tuple[str, list[str]]:
        """A VPC, and two subnets of it."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        made = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{index}.0/24", AvailabilityZone=f"us-east-1{zone}")
            for index, zone in enumerate("ab")
        ]
        return vpc, [subnet["Subnet"]["SubnetId"] for subnet in made]

    def group(self, name: str, vpc: str, *, drains: int = 300) -> str:
        """A target group whose targets drain for some seconds, as long as AWS has them do by itself."""
        elbv2 = self.client("elbv2")
        made = elbv2.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=80,
            VpcId=vpc,
            TargetType="ip",
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
        )
        group = str(made["TargetGroups"][0]["TargetGroupArn"])
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(drains)}
        elbv2.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])
        return group

    def listener(self, balancer: str, port: int, action: dict[str, Any]) -> str:
        """A listener with its default action."""
        made = self.client("elbv2").create_listener(
            LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=[action]
        )
        return str(made["Listeners"][0]["ListenerArn"])

    def rule(self, listener: str, priority: int, path: str, action: dict[str, Any]) -> str:
        """A rule for a path."""
        made = self.client("elbv2").create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [path]}],
            Actions=[action],
        )
        return str(made["Rules"][0]["RuleArn"])

    def release(self, family: str, image: str) -> str:
        """A task definition."""
        made = self.client("ecs").register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": _CONTAINER, "image": image, "portMappings": [{"containerPort": _PORT}]}],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def service(self, cluster: str, name: str, image: str, group: str, subnets: list[str], *, count: int = 2) -> None:
        """A service of some tasks behind a group."""
        self.client("ecs").create_service(
            cluster=cluster,
            serviceName=name,
            taskDefinition=self.release(name, image),
            desiredCount=count,
            launchType="FARGATE",
            loadBalancers=[{"targetGroupArn": group, "containerName": _CONTAINER, "containerPort": _PORT}],
            networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
        )

    def scalable(self, cluster: str, name: str, low: int, high: int) -> None:
        """A scalable target for a service."""
        self.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=f"service/{cluster}/{name}",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=low,
            MaxCapacity=high,
        )

    def healthy(self, group: str) -> int:
        """How many targets of a group are healthy."""
        states = self.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return sum(state["TargetHealth"]["State"] == "healthy" for state in states)

    def until_healthy(self, *groups: str, count: int = 2) -> None:
        """Wait until each group has so many healthy targets."""
        deadline = time.monotonic() + 90
        while any(self.healthy(group) < count for group in groups):
            assert time.monotonic() < deadline, f"not all of these have {count} healthy targets: {groups}"
            time.sleep(0.2)


def forward(weights: dict[str, int], *, sticky: int = 0) -> dict[str, Any]:
    """A forward action over weighted groups, sticky for some seconds or not at all."""
    groups = [{"TargetGroupArn": group, "Weight": weight} for group, weight in weights.items()]
    config: dict[str, Any] = {"TargetGroups": groups}
    if sticky:
        config["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": sticky}
    return {"Type": "forward", "ForwardConfig": config}
