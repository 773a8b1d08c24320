# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small AWS in memory for the module tests: two services behind one rule, what happens when, and every call made.

Each call is checked against botocore's own model of the operation, so that a misspelt or mistyped parameter fails here
as it would in front of AWS. What AWS does by itself between two calls, a test puts in `FakeAws.then`.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

CLUSTER = "arn:aws:ecs:eu-central-1:123456789012:cluster/shop"
LISTENER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/1111111111111111/2222222222222222"
RULE = LISTENER.replace(":listener/", ":listener-rule/") + "/3333333333333333"
BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/shop/1111111111111111"

_SESSION = botocore.session.get_session()


def definition_arn(family: str, revision: int) -> str:
    return f"arn:aws:ecs:eu-central-1:123456789012:task-definition/{family}:{revision}"


def group_arn(name: str) -> str:
    return f"arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/{name}/4444444444444444"


def refusal(code: str, operation: str = "Operation", message: str = "refused") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class FakeAws:
    """The state, and a log of the calls as (operation, parameters)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.services: dict[str, dict[str, Any]] = {}
        self.targets: dict[str, dict[str, Any]] = {}
        self.definitions: dict[str, dict[str, Any]] = {}
        self.health: dict[str, list[str]] = {}
        self.weights: dict[str, int] = {}
        self.sticky: dict[str, Any] = {"Enabled": False}
        self.stopped: list[dict[str, Any]] = []
        self._pending: dict[str, deque[Callable[[], None]]] = {}
        self._deployments = 0

    # What a test arranges.

    def add_service(self, name: str, *, desired: int = 2, definition: str = "", **fields: Any) -> dict[str, Any]:
        """A service that runs what it should, with a target group of its own name whose targets are healthy."""
        arn = definition or definition_arn(name, 1)
        self.services[name] = {
            "serviceName": name,
            "serviceArn": f"arn:aws:ecs:eu-central-1:123456789012:service/shop/{name}",
            "clusterArn": CLUSTER,
            "status": "ACTIVE",
            "schedulingStrategy": "REPLICA",
            "desiredCount": desired,
            "runningCount": desired,
            "pendingCount": 0,
            "taskDefinition": arn,
            "loadBalancers": [{"targetGroupArn": group_arn(name), "containerName": "app", "containerPort": 8000}],
            "events": [{"message": f"(service {name}) has reached a steady state."}],
            "deployments": [self._deployment(arn, desired, running=desired, state="COMPLETED")],
            **fields,
        }
        self.health[group_arn(name)] = ["healthy"] * desired
        self.weights[group_arn(name)] = 0
        return self.services[name]

    def add_target(self, name: str, low: int, high: int, **fields: Any) -> None:
        """A scalable target for a service."""
        resource = f"service/shop/{name}"
        self.targets[resource] = {"ResourceId": resource, "MinCapacity": low, "MaxCapacity": high, **fields}

    def add_definition(self, family: str, revision: int, containers: dict[str, str], **fields: Any) -> str:
        """A task definition with the containers' images by name; its ARN."""
        arn = definition_arn(family, revision)
        self.definitions[arn] = {
            "taskDefinitionArn": arn,
            "family": family,
            "revision": revision,
            "status": "ACTIVE",
            "containerDefinitions": [{"name": name, "image": image} for name, image in containers.items()],
            **fields,
        }
        return arn

    def then(self, operation: str, *happens: Callable[[], None]) -> None:
        """Before each next call of the operation, one of these happens; one that raises is the call's answer."""
        self._pending.setdefault(operation, deque()).extend(happens)

    def undo(self, operation: str) -> None:
        """Nothing more happens before a call of the operation."""
        self._pending.pop(operation, None)

    def settle(self, name: str) -> None:
        """ECS starts and stops tasks until the service runs what it should, and their targets are healthy."""
        service = self.services[name]
        service["runningCount"], service["pendingCount"] = service["desiredCount"], 0
        service["deployments"] = service["deployments"][:1]
        service["deployments"][0].update(rolloutState="COMPLETED", runningCount=service["desiredCount"])
        self.health[group_arn(name)] = ["healthy"] * service["desiredCount"]

    def roll_back(self, name: str, reason: str = "ECS deployment circuit breaker: tasks failed to start.") -> None:
        """The circuit breaker fails the newest deployment, and leads with the one before it again."""
        service = self.services[name]
        failed, old, *rest = service["deployments"]
        failed.update(status="ACTIVE", rolloutState="FAILED", rolloutStateReason=reason, failedTasks=3)
        old.update(status="PRIMARY", rolloutState="IN_PROGRESS")
        service["deployments"] = [old, failed, *rest]
        service["taskDefinition"] = old["taskDefinition"]

    def made(self, *operations: str) -> list[dict[str, Any]]:
        """The parameters of each call of these operations."""
        return [parameters for operation, parameters in self.calls if operation in operations]

    @property
    def changes(self) -> list[str]:
        """The operations that change something, in the order they were called."""
        return [call[0] for call in self.calls if not call[0].startswith(("describe_", "list_"))]

    # What the modules call.

    def client(self, service: str) -> FakeClient:
        return FakeClient(self, service)

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, copy.deepcopy(parameters)))
        waiting = self._pending.get(operation)
        if waiting:
            waiting.popleft()()
        answer: dict[str, Any] = getattr(self, f"_{operation}")(**parameters)
        return copy.deepcopy(answer)

    def _deployment(self, arn: str, desired: int, *, running: int, state: str) -> dict[str, Any]:
        self._deployments += 1
        return {
            "id": f"ecs-svc/{self._deployments}",
            "status": "PRIMARY",
            "taskDefinition": arn,
            "desiredCount": desired,
            "runningCount": running,
            "pendingCount": 0,
            "failedTasks": 0,
            "rolloutState": state,
            "rolloutStateReason": f"ECS deployment is {state}.",
        }

    def _describe_services(self, cluster: str, services: list[str], include: Sequence[str] = ()) -> dict[str, Any]:
        found = [each for each in self.services.values() if {each["serviceName"], each["serviceArn"]} & set(services)]
        if "TAGS" not in include:
            found = [{name: value for name, value in each.items() if name != "tags"} for each in found]
        return {"services": found, "failures": []}

    def _tag_resource(self, resourceArn: str, tags: list[dict[str, str]]) -> dict[str, Any]:
        service = self._by_arn(resourceArn)
        new = {tag["key"] for tag in tags}
        service["tags"] = [tag for tag in service.get("tags", []) if tag["key"] not in new] + tags
        return {}

    def _untag_resource(self, resourceArn: str, tagKeys: list[str]) -> dict[str, Any]:
        service = self._by_arn(resourceArn)
        service["tags"] = [tag for tag in service.get("tags", []) if tag["key"] not in tagKeys]
        return {}

    def _by_arn(self, arn: str) -> dict[str, Any]:
        return next(service for service in self.services.values() if service["serviceArn"] == arn)

    def _update_service(self, cluster: str, service: str, **changes: Any) -> dict[str, Any]:
        found = self.services[service]
        found["desiredCount"] = changes.get("desiredCount", found["desiredCount"])
        arn = changes.get("taskDefinition", found["taskDefinition"])
        if arn != found["taskDefinition"]:
            for deployment in found["deployments"]:
                deployment["status"] = "ACTIVE"
            fresh = self._deployment(arn, found["desiredCount"], running=0, state="IN_PROGRESS")
            found["deployments"].insert(0, fresh)
            found["taskDefinition"] = arn
        return {"service": found}

    def _describe_scalable_targets(self, **asked: Any) -> dict[str, Any]:
        return {"ScalableTargets": [self.targets[each] for each in asked["ResourceIds"] if each in self.targets]}

    def _register_scalable_target(self, **sent: Any) -> dict[str, Any]:
        target = self.targets.setdefault(sent["ResourceId"], {"ResourceId": sent["ResourceId"]})
        target.update({name: sent[name] for name in ("MinCapacity", "MaxCapacity") if name in sent})
        return {"ScalableTargetARN": "arn"}

    def _describe_task_definition(self, **asked: Any) -> dict[str, Any]:
        found = dict(self.definitions[asked["taskDefinition"]])
        tags = found.pop("tags", [])
        return {"taskDefinition": found, **({"tags": tags} if "include" in asked else {})}

    def _list_task_definitions(self, **asked: Any) -> dict[str, Any]:
        family = [each for each in self.definitions.values() if each["family"].startswith(asked["familyPrefix"])]
        newest = sorted(family, key=lambda each: int(each["revision"]), reverse=True)[: asked["maxResults"]]
        return {"taskDefinitionArns": [each["taskDefinitionArn"] for each in newest]}

    def _register_task_definition(self, **sent: Any) -> dict[str, Any]:
        revisions = [each["revision"] for each in self.definitions.values() if each["family"] == sent["family"]]
        revision = max(revisions, default=0) + 1
        arn = definition_arn(sent["family"], revision)
        self.definitions[arn] = {**sent, "taskDefinitionArn": arn, "revision": revision, "status": "ACTIVE"}
        return {"taskDefinition": self.definitions[arn]}

    def _list_tasks(self, **asked: Any) -> dict[str, Any]:
        return {"taskArns": [task["taskArn"] for task in self.stopped]}

    def _describe_tasks(self, cluster: str, tasks: list[str]) -> dict[str, Any]:
        return {"tasks": [task for task in self.stopped if task["taskArn"] in tasks]}

    def _describe_target_health(self, **asked: Any) -> dict[str, Any]:
        states = self.health[asked["TargetGroupArn"]]
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": f"10.0.0.{number}", "Port": 80}, "TargetHealth": {"State": state}}
                for number, state in enumerate(states)
            ]
        }

    def _describe_target_groups(self, **asked: Any) -> dict[str, Any]:
        return {
            "TargetGroups": [
                {"TargetGroupArn": arn, "TargetGroupName": arn.split("/")[1], "LoadBalancerArns": [BALANCER]}
                for arn in asked["TargetGroupArns"]
            ]
        }

    def _describe_listeners(self, **asked: Any) -> dict[str, Any]:
        return {"Listeners": [{"ListenerArn": LISTENER, "LoadBalancerArn": BALANCER}]}

    def _describe_rules(self, **asked: Any) -> dict[str, Any]:
        groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in self.weights.items()]
        config = {"TargetGroups": groups, "TargetGroupStickinessConfig": self.sticky}
        actions = [{"Type": "forward", "Order": 1, "ForwardConfig": config}]
        return {"Rules": [{"RuleArn": RULE, "Priority": "10", "IsDefault": False, "Actions": actions}]}


class FakeClient:
    """What `CanaryModule.client_of` gives: a client whose every operation goes to the same AWS."""

    def __init__(self, aws: FakeAws, service: str) -> None:
        self._aws = aws
        self._model = _SESSION.get_service_model(service)
        self._names = {_snake(name): name for name in self._model.operation_names}

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        shape = self._model.operation_model(self._names[operation]).input_shape

        def call(*, aws_retry: bool = False, **parameters: Any) -> dict[str, Any]:
            assert aws_retry, f"{operation} was not called through the door that retries"
            validate_parameters(parameters, shape)
            return self._aws.call(operation, parameters)

        return call


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class FakeModule:
    """The part of `CanaryModule` that a module's work meets, with options that passed its argument spec."""

    def __init__(self, aws: FakeAws, options: dict[str, Any], *, check_mode: bool = False) -> None:
        self.params = options
        self.check_mode = check_mode
        self.region = "eu-central-1"
        self.warnings: list[str] = []
        self.client_of = self.client_of_once = aws.client

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)


class FakeTime:
    """A clock that only a wait moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
