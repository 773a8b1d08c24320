# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of services in a running lab, made with nothing of ours."""

from __future__ import annotations

from lab.state import Lab
from tests.handmade import Handmade, forward


class HandmadePair(Handmade):
    """A load balancer over two services of one task each, made through the API alone: no CloudFormation."""

    def __init__(self, lab: Lab, *, canary: str = "v2") -> None:
        super().__init__(lab)
        self._vpc, subnets = self.network()
        self.stable, self.canary = self.target_group("stable"), self.target_group("canary")
        balancer = self.client("elbv2").create_load_balancer(Name="web", Subnets=subnets)["LoadBalancers"][0]
        self.balancer = balancer["LoadBalancerArn"]
        self.url = f"http://{balancer['DNSName']}:8080/"
        self._listener = self.listener(self.balancer, 8080, forward({self.stable: 100, self.canary: 0}))
        self.client("ecs").create_cluster(clusterName="shop")
        for name, group, version in (("stable", self.stable, "v1"), ("canary", self.canary, canary)):
            self.service("shop", name, f"app:{version}", group, subnets, count=1)
        self.until_healthy(self.stable, self.canary, count=1)

    def shift(self, stable: int, canary: int) -> None:
        """Set the weights of the default rule."""
        self.send_to({self.stable: stable, self.canary: canary})

    def send_to(self, weights: dict[str, int]) -> None:
        """Let the default rule forward to target groups, each with its weight."""
        self.client("elbv2").modify_listener(ListenerArn=self._listener, DefaultActions=[forward(weights)])

    def target_group(self, name: str) -> str:
        """One more target group, without targets."""
        return self.group(name, self._vpc)
