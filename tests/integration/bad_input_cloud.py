# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where bad input is tried: a cloud with services and rules of every kind that a module must refuse."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import boto3
from botocore.config import Config

from tests.handmade import forward
from tests.lab.control.world import REGION, World

SECRET = "hush-do-not-tell"
"""The client secret of the rule that has visitors log in."""


class BadInputCloud(World):
    """``names`` has everything that a row of the table may name, by the word that it uses."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, str] = {"region": REGION}
        vpc, self.subnet_ids = self.subnets()
        self.ecs.create_cluster(clusterName="shop")
        for name in ("stable", "canary", "third", "left", "right", "sticky-left", "sticky-right", "unused"):
            self.names[name] = self.group(name, vpc)
        self._rules()
        self._services()
        self.run(60)
        self._callers()

    def _rules(self) -> None:
        """A default rule for stable and canary, one with a login, one each with a third group and with stickiness."""
        balancer = self._balancer("shop")
        action = self._forward("stable", "canary", weights=(100, 0))
        self.names["listener"] = self._listener(balancer, 80, "HTTP", action)
        self.names["default_rule"] = self.elb.describe_rules(ListenerArn=self.names["listener"])["Rules"][0]["RuleArn"]
        other = self._listener(balancer, 81, "HTTP", {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}})
        self.names["other_listener"] = other
        login = {
            "Type": "authenticate-oidc",
            "Order": 1,
            "AuthenticateOidcConfig": {
                "Issuer": "https://login.example",
                "AuthorizationEndpoint": "https://login.example/authorize",
                "TokenEndpoint": "https://login.example/token",
                "UserInfoEndpoint": "https://login.example/user",
                "ClientId": "shop",
                "ClientSecret": SECRET,
            },
        }
        last = {"Order": 2, **self._forward("stable", "canary", weights=(50, 50))}
        self.names["login_rule"] = self._rule(other, 10, [login, last])
        self.names["third_rule"] = self._rule(other, 20, [self._forward("left", "right", "third", weights=(8, 1, 1))])
        sticky = self._forward("sticky-left", "sticky-right", weights=(1, 0), seconds=60)
        self.names["sticky_rule"] = self._rule(other, 30, [sticky])
        self.names["redirect"] = self.elb.describe_rules(ListenerArn=other)["Rules"][-1]["RuleArn"]
        for group in ("sticky-left", "sticky-right"):
            attributes = [
                {"Key": "stickiness.enabled", "Value": "true"},
                {"Key": "stickiness.type", "Value": "lb_cookie"},
            ]
            self.elb.modify_target_group_attributes(TargetGroupArn=self.names[group], Attributes=attributes)

    def _balancer(self, name: str) -> str:
        made = self.elb.create_load_balancer(Name=name, Subnets=self.subnet_ids)
        return str(made["LoadBalancers"][0]["LoadBalancerArn"])

    def _listener(self, balancer: str, port: int, protocol: str, action: dict[str, Any]) -> str:
        made = self.elb.create_listener(LoadBalancerArn=balancer, Port=port, Protocol=protocol, DefaultActions=[action])
        return str(made["Listeners"][0]["ListenerArn"])

    def _rule(self, listener: str, priority: int, actions: list[dict[str, Any]]) -> str:
        where = [{"Field": "path-pattern", "Values": [f"/{priority}/*"]}]
        made = self.elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=where, Actions=actions)
        return str(made["Rules"][0]["RuleArn"])

    def _forward(self, *groups: str, weights: tuple[int, ...], seconds: int = 0) -> dict[str, Any]:
        arns = [self.names[group] for group in groups]
        return forward(dict(zip(arns, weights, strict=True)), sticky=seconds)

    def _services(self) -> None:
        """``cart`` is healthy, ``cart-canary`` is not; each of the others is as its name says."""
        self._service("cart", "stable", "v1", count=1)
        self._service("cart-canary", "canary", "v2-unhealthy", count=1)
        self._service("same-group", "stable", "v2")
        self._service("other-group", "left", "v2")
        self._service("no-balancer", None, "v2")
        self._service("daemon", None, "v2", schedulingStrategy="DAEMON")
        self._service("codedeploy", "stable", "v1", count=1, deploymentController={"type": "CODE_DEPLOY"})
        self._service("gone", None, "v2")
        self.ecs.delete_service(cluster="shop", service="gone", force=True)
        self.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId="service/shop/cart",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=1,
            MaxCapacity=4,
        )

    def _service(self, name: str, group: str | None, tag: str, *, count: int = 0, **more: Any) -> None:
        balancers = (
            [{"targetGroupArn": self.names[group], "containerName": "app", "containerPort": 8000}] if group else []
        )
        self.ecs.create_service(
            cluster="shop",
            serviceName=name,
            taskDefinition=self.task_definition(tag),
            desiredCount=count,
            launchType="FARGATE",
            loadBalancers=balancers,
            networkConfiguration={"awsvpcConfiguration": {"subnets": self.subnet_ids}},
            **more,
        )

    def _callers(self) -> None:
        """The credentials of a user without permissions, a user who may only read, and a session that has ended."""
        iam = self.client("iam")
        reads = {
            "nobody": "sts:GetCallerIdentity",
            "reader": ["*:Describe*", "*:List*", "*:Get*"],
        }
        for name, actions in reads.items():
            document = {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
            }
            iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(document))

    def session(self, role: str, *, seconds: int = 900) -> dict[str, str]:
        """The environment of somebody with a session of this role. One of less than no seconds has ended."""
        make: Any = boto3.client
        sts = make("sts", config=Config(parameter_validation=False), **self._given)
        arn = f"arn:aws:iam::123456789012:role/{role}"
        given = sts.assume_role(RoleArn=arn, RoleSessionName="test", DurationSeconds=seconds)["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    @property
    def environment(self) -> dict[str, str]:
        """The environment of somebody who may do everything here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "canary-lab",
            "AWS_SECRET_ACCESS_KEY": "canary-lab",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """The calls after a number, as the lab's log has them."""
        with urllib.request.urlopen(f"{self.endpoint}/_lab/calls?since={since}") as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found
