# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks on the lab as users who have a policy, and note the actions that they use."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.holding import TAG, Memory

from lab.client import calls_of, last_call_of
from lab.permissions.asks import PREFIXES
from lab.playbooks import Played, play
from lab.state import REGION, Lab
from tests.application import SETTINGS, Application, until
from tests.handmade import forward
from tests.permissions.policies import filled

ACCOUNT = "123456789012"
QUICK: dict[str, object] = {
    **SETTINGS,
    "deregistration_delay": 1,
    "propagation_delay": 0,
    "metric_delay": 0,
    "return_step": 50,
}
# A first deployment whose canary starts no task until it is sized for its share, and then none that stays.
CRASHING: dict[str, object] = {
    "canary_image": "shop:v2-crash",
    "canary_desired": 0,
    "canary_min": 0,
    "wait_timeout": 10,
}
SECOND_PORT = 8090
BUSY = 3
_users = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class LabOfUser(Lab):
    """The lab, for somebody with keys of their own."""

    key: str
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that send AWS clients to this lab as this user."""
        return {**super().environment, "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}


def actions_in(log: list[dict[str, Any]]) -> set[str]:
    """The IAM actions behind calls. Who registers a task definition passes roles to its tasks."""
    used = {f"{PREFIXES.get(call['service'], call['service'])}:{call['operation']}" for call in log}
    return used | ({"iam:PassRole"} if "ecs:RegisterTaskDefinition" in used else set())


@dataclass
class Recording:
    """One application of the lab, and the actions that each playbook has used on it."""

    application: Application
    used: dict[str, set[str]] = field(default_factory=dict)
    default_listener: str = ""
    release: str = ""

    @property
    def lab(self) -> Lab:
        """The lab, for its own user, who may do everything."""
        return self.application.lab

    def names(self) -> dict[str, str]:
        """What the capitals of a policy stand for here. Before the stack exists, no load balancer has a name."""
        stack = str(self.application.common["stack_name"])
        balancers = self.application.client("elbv2").describe_load_balancers()["LoadBalancers"]
        mine = [one["LoadBalancerName"] for one in balancers if one["VpcId"] in self._vpcs(stack)]
        return {
            "REGION": REGION,
            "ACCOUNT": ACCOUNT,
            "STACK": stack,
            "CLUSTER": stack,
            "STABLE_SERVICE": "app-stable",
            "CANARY_SERVICE": "app-canary",
            "STABLE_FAMILY": f"{stack}-stable",
            "LOAD_BALANCER": mine[0] if mine else "*",
            "TASK_ROLES": "*",
        }

    def _vpcs(self, stack: str) -> list[str]:
        named = [{"Name": "tag:Name", "Values": [stack]}]
        return [vpc["VpcId"] for vpc in self.application.client("ec2").describe_vpcs(Filters=named)["Vpcs"]]

    def user(self, document: Mapping[str, Any]) -> LabOfUser:
        """A new user of the lab, who has this policy and nothing else."""
        iam, name = self.application.client("iam"), f"user{next(_users)}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=filled(document, self.names()))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return LabOfUser(**asdict(self.lab), key=key["AccessKeyId"], secret=key["SecretAccessKey"])

    def play(self, playbook: str, lab: Lab, *, options: tuple[str, ...] = (), **variables: object) -> Played:
        """Run a playbook, and note what it used."""
        since = last_call_of(self.lab)
        played = play(lab, f"{playbook}.yml", {**self.application.common, **variables}, options=options)
        self.used.setdefault(playbook, set()).update(actions_in(calls_of(self.lab, since=since)))
        return played

    def split_by_default_too(self) -> None:
        """Add a listener whose default rule splits, so that a flow meets both kinds of rules."""
        elbv2, outputs = self.application.client("elbv2"), self.application.outputs
        rule = elbv2.describe_rules(RuleArns=[outputs["RuleArn"]])["Rules"][0]
        listener = elbv2.create_listener(
            LoadBalancerArn=outputs["LoadBalancerArn"],
            Protocol="HTTP",
            Port=SECOND_PORT,
            DefaultActions=[{"Type": "forward", "ForwardConfig": rule["Actions"][0]["ForwardConfig"]}],
        )
        self.default_listener = str(listener["Listeners"][0]["ListenerArn"])

    def stop_tasks(self) -> None:
        """Stop a task of each service, so that a failure has reasons to tell."""
        ecs, cluster = self.application.client("ecs"), self.application.outputs["Cluster"]
        for side in ("Stable", "Canary"):
            running = ecs.list_tasks(cluster=cluster, serviceName=self.application.outputs[f"{side}Service"])
            ecs.stop_task(cluster=cluster, task=running["taskArns"][0], reason="A test stopped it")
        until(self._settled, seconds=60, what="both services have their tasks again")

    def tag_release(self) -> None:
        """Give stable's task definition a tag, which each further revision is registered with."""
        arn = self.application.service("Stable")["taskDefinition"]
        self.application.client("ecs").tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "shop"}])

    def busy(self, *, held: bool = False) -> None:
        """Give stable more tasks than its min of two; ``held`` as a promotion leaves them that was killed."""
        ecs, arn = self.application.client("ecs"), self.application.service("Stable")["serviceArn"]
        ecs.untag_resource(resourceArn=arn, tagKeys=[TAG])
        if held:
            ecs.tag_resource(resourceArn=arn, tags=[{"key": TAG, "value": Memory(2, (BUSY,)).text}])
        self._bound("Stable", BUSY if held else 2, 4)
        self._update("Stable", desiredCount=BUSY)
        until(self._settled, seconds=60, what="stable has its tasks")

    def _bound(self, side: str, low: int, high: int) -> None:
        outputs = self.application.outputs
        self.application.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=f"service/{outputs['Cluster']}/{outputs[f'{side}Service']}",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=low,
            MaxCapacity=high,
        )

    def put(self, percent: int, *, canary: int, release: str | None = None) -> None:
        """Bring the application to a state by plain calls: the split, the canary's tasks, the release of stable."""
        elbv2, outputs = self.application.client("elbv2"), self.application.outputs
        weights = {"Stable": 100 - percent, "Canary": percent}
        actions = [forward({outputs[f"{side}TargetGroupArn"]: weight for side, weight in weights.items()})]
        elbv2.modify_rule(RuleArn=outputs["RuleArn"], Actions=actions)
        elbv2.modify_listener(ListenerArn=self.default_listener, DefaultActions=actions)
        self._bound("Canary", canary, canary)
        self._update("Canary", desiredCount=canary)
        self.busy()
        if release is not None:
            self._update("Stable", taskDefinition=release)
        until(self._settled, seconds=120, what="both services have their tasks")

    def _update(self, side: str, **changes: object) -> None:
        outputs = self.application.outputs
        self.application.client("ecs").update_service(
            cluster=outputs["Cluster"], service=outputs[f"{side}Service"], **changes
        )

    def _settled(self) -> bool:
        services = {side: self.application.service(side) for side in ("Stable", "Canary")}
        return all(
            service["runningCount"] == service["desiredCount"] == self.application.healthy(side)
            and len(service["deployments"]) == 1
            for side, service in services.items()
        )


def life(recording: Recording, lab_of: Callable[[str], Lab]) -> None:
    """The whole life of a release and what can go wrong in it, each playbook as the user that ``lab_of`` gives it.

    What fails is told why, and that takes permissions too.
    """

    def succeed(playbook: str, *, says: str = "", options: tuple[str, ...] = (), **variables: object) -> None:
        played = recording.play(playbook, lab_of(playbook), options=options, **variables)
        assert played.ok and says in played.output, f"{played.command}\n{played.output}"

    def fail(playbook: str, says: str, **variables: object) -> None:
        played = recording.play(playbook, lab_of(playbook), **variables)
        assert not played.ok and says in played.output, f"{played.command}\n{played.output}"
        assert "permission denied" not in played.output, f"{played.command}\n{played.output}"

    fail("deploy", "did not get its desired tasks", stable_image="shop:v1", **CRASHING)
    succeed("destroy")
    succeed("deploy", stable_image="shop:v1", canary_image="shop:v2")
    succeed("deploy", options=("--check",), cpu=512, memory=1024)
    succeed("deploy", canary_image="shop:v3")
    recording.split_by_default_too()
    recording.stop_tasks()
    succeed("canary", percent=25)
    fail("canary", "did not get its desired tasks", percent=30, least_desired=4, wait_timeout=1)
    succeed("rollback", says="did not get its desired tasks", rollback_timeout=1)
    recording.busy(held=True)
    succeed("rollback")
    recording.busy()
    succeed("canary", percent=100)
    succeed("canary", percent=50, step=25, interval=0)
    succeed("canary", percent=100)
    recording.tag_release()
    fail("promote", "was not through after 1 s", take="image", promote_timeout=1)
    succeed("promote", take="image")
    succeed("rollback", restore=True)
    succeed("status")
    succeed("destroy")
