# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of services in a running lab, made with nothing of ours."""

from __future__ import annotations

import time
from typing import Any

from lab.state import Lab
from lab.status import client_of


def forward(*groups: tuple[str, int]) -> list[dict[str, Any]]:
    """A forward action."""
    return [
        {
            "Type": "forward",
            "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in groups]},
        }
    ]


class HandmadePair:
    """A load balancer over two services, made through the API alone: no CloudFormation."""

    def __init__(self, lab: Lab, *, canary: str = "v2") -> None:
        self.elbv2, self.ecs = client_of(lab, "elbv2"), client_of(lab, "ecs")
        ec2 = client_of(lab, "ec2")
        self.vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self.subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
        balancer = self.elbv2.create_load_balancer(Name="web", Subnets=self.subnets)["LoadBalancers"][0]
        self.balancer = balancer["LoadBalancerArn"]
        self.url = f"http://{balancer['DNSName']}:8080/"
        self.stable, self.canary = self.target_group("stable"), self.target_group("canary")
        listener = self.elbv2.create_listener(
            LoadBalancerArn=self.balancer,
            Protocol="HTTP",
            Port=8080,
            DefaultActions=forward((self.stable, 100), (self.canary, 0)),
        )
        self.listener = listener["Listeners"][0]["ListenerArn"]
        self.ecs.create_cluster(clusterName="shop")
        self._service("stable", self.stable, "v1")
        self._service("canary", self.canary, canary)
        self._wait_healthy()

    def shift(self, stable: int, canary: int) -> None:
        """Set the weights of the default rule."""
        self.send_to((self.stable, stable), (self.canary, canary))

    def send_to(self, *groups: tuple[str, int]) -> None:
        """Let the default rule forward to target groups, each with its weight."""
        self.elbv2.modify_listener(ListenerArn=self.listener, DefaultActions=forward(*groups))

    def target_group(self, name: str) -> str:
        """One more target group, without targets."""
        settings = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthyThresholdCount": 2}
        made = self.elbv2.create_target_group(
            Name=name, Protocol="HTTP", Port=8000, VpcId=self.vpc, TargetType="ip", **settings
        )
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def _service(self, name: str, group: str, version: str) -> None:
        container = {"name": "app", "image": f"app:{version}", "portMappings": [{"containerPort": 8000}]}
        release = self.ecs.register_task_definition(
            family=name,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )
        self.ecs.create_service(
            cluster="shop",
            serviceName=name,
            taskDefinition=release["taskDefinition"]["taskDefinitionArn"],
            desiredCount=1,
            launchType="FARGATE",
            loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": 8000}],
            networkConfiguration={"awsvpcConfiguration": {"subnets": self.subnets}},
        )

    def _wait_healthy(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            health = [self.elbv2.describe_target_health(TargetGroupArn=arn) for arn in (self.stable, self.canary)]
            states = [
                target["TargetHealth"]["State"] for found in health for target in found["TargetHealthDescriptions"]
            ]
            if states == ["healthy", "healthy"]:
                return
            time.sleep(0.1)
        raise AssertionError("the services did not become healthy")
