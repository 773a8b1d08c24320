# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elastic Load Balancing in memory, behind real boto3 clients, for the modules' tests.

The client checks every request against AWS's own model before it gets here, each call is counted, and the traps of the
real thing are kept: a default rule refuses ModifyRule, what is not sent back is lost, answers come in pages and in
another order than what was sent, a client secret is never shown, a target group is of one load balancer.
"""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from unittest import mock

import boto3
from ansible_collections.amazon.aws.plugins.module_utils import modules as amazon_modules

REGION = "eu-west-1"
PREFIX = f"arn:aws:elasticloadbalancing:{REGION}:123456789012"
Action = dict[str, Any]
Answer = dict[str, Any]


class Refusal(Exception):
    """An error answer, as AWS gives it."""

    def __init__(self, code: str, message: str = "as told") -> None:
        super().__init__(message)
        self.code = code


def forward(weights: dict[str, int], *, sticky: int = 0, order: int | None = None) -> Action:
    """A forward action over target groups by ARN."""
    config: Action = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]}
    config["TargetGroupStickinessConfig"] = (
        {"Enabled": True, "DurationSeconds": sticky} if sticky else {"Enabled": False}
    )
    return {"Type": "forward", "ForwardConfig": config, **({"Order": order} if order else {})}


class Balancer:
    """Load balancers, listeners, rules and target groups, with a log of every call as (operation, parameters)."""

    def __init__(self, *, page: int = 100) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.rules: dict[str, dict[str, Any]] = {}
        self.listeners: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.page = page
        self.interrupts: dict[tuple[str, int, bool], Callable[[], None]] = {}
        self._counts: Counter[str] = Counter()
        self._number = itertools.count(1)

    @property
    def operations(self) -> list[str]:
        """The names of the operations called, in order."""
        return [operation for operation, _parameters in self.calls]

    @property
    def writes(self) -> list[str]:
        """The calls that change something."""
        return [operation for operation in self.operations if not operation.startswith("Describe")]

    def target_group(self, name: str, *states: str, **attributes: str) -> str:
        """Add a target group, with one target in each state; its ARN."""
        arn = f"{PREFIX}:targetgroup/{name}/{next(self._number):016x}"
        shown = {key.replace("__", "."): value for key, value in attributes.items()}
        self.groups[arn] = {"name": name, "states": list(states or ["healthy", "healthy"]), "attributes": shown}
        return arn

    def listener(
        self, *actions: Action, balancer: str = "shop", kind: str = "app", port: int = 80, protocol: str = "HTTP"
    ) -> str:
        """Add a listener with these default actions; its ARN."""
        load_balancer = f"{PREFIX}:loadbalancer/{kind}/{balancer}/{'b' * 16}"
        arn = f"{load_balancer.replace(':loadbalancer/', ':listener/')}/{next(self._number):016x}"
        self.listeners[arn] = {
            "ListenerArn": arn, "LoadBalancerArn": load_balancer, "Port": port, "Protocol": protocol,
        }  # fmt: skip
        self._add(arn, None, actions)
        return arn

    def rule(self, listener: str, priority: int, *actions: Action) -> str:
        """Add a rule; its ARN."""
        return self._add(listener, priority, actions)

    def default_rule(self, listener: str) -> str:
        """The ARN of a listener's default rule."""
        return next(arn for arn, rule in self.rules.items() if rule["default"] and rule["listener"] == listener)

    def weights(self, rule: str) -> dict[str, int]:
        """The weights on a rule, by target group."""
        config = self.rules[rule]["actions"][-1]["ForwardConfig"]
        return {group["TargetGroupArn"]: group["Weight"] for group in config["TargetGroups"]}

    def set_weights(self, rule: str, weights: dict[str, int]) -> None:
        """What somebody else does to a rule."""
        self.rules[rule]["actions"][-1] = forward(weights)

    def _add(self, listener: str, priority: int | None, actions: tuple[Action, ...]) -> str:
        arn = listener.replace(":listener/", ":listener-rule/") + f"/{next(self._number):016x}"
        self._check_balancers(listener, actions)
        self.rules[arn] = {
            "listener": listener, "priority": priority, "default": priority is None,
            "actions": copy.deepcopy(list(actions)),
        }  # fmt: skip
        return arn

    def interrupt(self, operation: str, number: int, effect: Callable[[], None], *, after: bool = False) -> None:
        """At the nth call of an operation, do something: somebody else's change, or raise an error.

        Before the call takes effect, or with ``after`` when it has, and before its answer is sent.
        """
        self.interrupts[operation, number, after] = effect

    def answer(self, operation: str, parameters: dict[str, Any]) -> Answer:
        """Take one call."""
        self.calls.append((operation, copy.deepcopy(parameters)))
        self._counts[operation] += 1
        now = operation, self._counts[operation]
        self.interrupts.get((*now, False), _nothing)()
        handler = getattr(self, f"_{operation}", None)
        if handler is None:
            raise AssertionError(f"nobody expected {operation}")
        answer: Answer = copy.deepcopy(handler(**copy.deepcopy(parameters)))
        self.interrupts.get((*now, True), _nothing)()
        return answer

    def _paged(self, key: str, entries: list[Any], marker: str | None) -> Answer:
        start = int(marker or 0)
        more = {"NextMarker": str(start + self.page)} if start + self.page < len(entries) else {}
        return {key: entries[start : start + self.page], **more}

    def _DescribeRules(
        self, ListenerArn: str | None = None, RuleArns: list[str] | None = None, Marker: str | None = None
    ) -> Answer:
        if (ListenerArn is None) == (RuleArns is None):
            raise Refusal("ValidationError", "either a listener or rules")
        if RuleArns is not None and len(RuleArns) > 20:
            raise Refusal("ValidationError", "at most 20 rules")
        if ListenerArn is not None and ListenerArn not in self.listeners:
            raise Refusal("ListenerNotFound", ListenerArn)
        for arn in RuleArns or []:
            if arn not in self.rules:
                raise Refusal("RuleNotFound", arn)
        wanted = [arn for arn, rule in self.rules.items() if rule["listener"] == ListenerArn or arn in (RuleArns or [])]
        return self._paged("Rules", [self._described(arn) for arn in wanted], Marker)

    def _described(self, arn: str) -> Answer:
        rule = self.rules[arn]
        return {
            "RuleArn": arn,
            "Priority": "default" if rule["default"] else str(rule["priority"]),
            "IsDefault": rule["default"],
            "Conditions": [],
            "Actions": [_shown(action) for action in rule["actions"]],
        }

    def _ModifyRule(self, RuleArn: str, Actions: list[Action]) -> Answer:
        if RuleArn not in self.rules:
            raise Refusal("RuleNotFound", RuleArn)
        if self.rules[RuleArn]["default"]:
            raise Refusal("OperationNotPermitted", f"Default rule '{RuleArn}' cannot be modified")
        return self._write(RuleArn, Actions)

    def _ModifyListener(self, ListenerArn: str, DefaultActions: list[Action]) -> Answer:
        return self._write(self.default_rule(ListenerArn), DefaultActions)

    def _write(self, arn: str, actions: list[Action]) -> Answer:
        self._check_balancers(self.rules[arn]["listener"], actions)
        for action in actions:
            self._check(action)
        secrets = [action["AuthenticateOidcConfig"].get("ClientSecret") for action in self._oidc(arn)]
        for action in actions:
            if action["Type"] == "authenticate-oidc" and action["AuthenticateOidcConfig"].pop(
                "UseExistingClientSecret"
            ):
                action["AuthenticateOidcConfig"]["ClientSecret"] = secrets[0]
        self.rules[arn]["actions"] = actions
        return {}

    def _oidc(self, arn: str) -> list[Action]:
        return [action for action in self.rules[arn]["actions"] if action["Type"] == "authenticate-oidc"]

    def _check(self, action: Action) -> None:
        if action["Type"] == "authenticate-oidc":
            config = action["AuthenticateOidcConfig"]
            if ("ClientSecret" in config) == bool(config.get("UseExistingClientSecret")):
                raise Refusal("InvalidLoadBalancerAction", "a client secret, or the existing one")
        if action["Type"] != "forward":
            return
        if "TargetGroupArn" in action:
            raise Refusal("InvalidLoadBalancerAction", "a target group beside a ForwardConfig")
        groups = action["ForwardConfig"]["TargetGroups"]
        if any(not 0 <= group["Weight"] <= 999 for group in groups):
            raise Refusal("ValidationError", "a weight is 0 to 999")
        sticky = action["ForwardConfig"].get("TargetGroupStickinessConfig", {}).get("Enabled")
        for group in groups:
            shown = self.groups[group["TargetGroupArn"]]["attributes"]
            if not sticky and shown.get("stickiness.enabled") == "true":
                raise Refusal("InvalidLoadBalancerAction", "a target group is sticky")

    def _check_balancers(self, listener: str, actions: Iterable[Action]) -> None:
        balancer = self.listeners[listener]["LoadBalancerArn"]
        for group in {group for action in actions if action["Type"] == "forward" for group in _groups(action)}:
            if set(self._balancers_of(group)) - {balancer}:
                raise Refusal("TargetGroupAssociationLimit", group)

    def _balancers_of(self, group: str) -> list[str]:
        found = {
            self.listeners[rule["listener"]]["LoadBalancerArn"]
            for rule in self.rules.values()
            for action in rule["actions"]
            if action["Type"] == "forward" and group in _groups(action)
        }
        return sorted(found)

    def _DescribeTargetGroups(
        self, TargetGroupArns: list[str] | None = None, Names: list[str] | None = None, Marker: str | None = None
    ) -> Answer:
        if (TargetGroupArns is None) == (Names is None):
            raise Refusal("ValidationError", "either names or ARNs")
        asked = TargetGroupArns or Names or []
        found = {key: arn for arn, group in self.groups.items() for key in (arn, group["name"]) if key in asked}
        if set(found) != set(asked):
            raise Refusal("TargetGroupNotFound", "One or more target groups not found")
        entries = [
            {
                "TargetGroupArn": arn,
                "TargetGroupName": self.groups[arn]["name"],
                "LoadBalancerArns": self._balancers_of(arn),
            }
            for arn in found.values()
        ]
        return self._paged("TargetGroups", entries, Marker)

    def _DescribeTargetGroupAttributes(self, TargetGroupArn: str) -> Answer:
        shown = {"deregistration_delay.timeout_seconds": "300", **self.groups[TargetGroupArn]["attributes"]}
        return {"Attributes": [{"Key": key, "Value": value} for key, value in shown.items()]}

    def _DescribeTargetHealth(self, TargetGroupArn: str) -> Answer:
        states = self.groups[TargetGroupArn]["states"]
        if not self._balancers_of(TargetGroupArn):
            states = ["unused" for _state in states]
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": f"10.0.0.{number}", "Port": 80}, "TargetHealth": {"State": state}}
                for number, state in enumerate(states)
            ]
        }

    def _DescribeListeners(
        self, LoadBalancerArn: str | None = None, ListenerArns: list[str] | None = None, Marker: str | None = None
    ) -> Answer:
        wanted = [
            listener
            for arn, listener in self.listeners.items()
            if listener["LoadBalancerArn"] == LoadBalancerArn or arn in (ListenerArns or [])
        ]
        return self._paged("Listeners", wanted, Marker)

    def _DescribeLoadBalancers(self, LoadBalancerArns: list[str], Marker: str | None = None) -> Answer:
        entries = [
            {"LoadBalancerArn": arn, "LoadBalancerName": arn.split("/")[2], "DNSName": f"{arn.split('/')[2]}.example"}
            for arn in LoadBalancerArns
        ]
        return self._paged("LoadBalancers", entries, Marker)


def _nothing() -> None:
    """What happens at most calls."""


def _groups(action: Action) -> list[str]:
    return [group["TargetGroupArn"] for group in action.get("ForwardConfig", {}).get("TargetGroups", [])]


def _shown(action: Action) -> Action:
    """An action as AWS describes it."""
    shown = copy.deepcopy(action)
    if shown["Type"] == "forward":
        entries = shown["ForwardConfig"]["TargetGroups"]
        entries.reverse()
        if len(entries) == 1:
            shown["TargetGroupArn"] = entries[0]["TargetGroupArn"]
    shown.get("AuthenticateOidcConfig", {}).pop("ClientSecret", None)
    return shown


class _Http:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code
        self.headers: dict[str, str] = {}


def client_for(service: str, answer: Callable[[str, dict[str, Any]], Answer], region: str | None = REGION) -> Any:
    """A boto3 client whose checked requests go to ``answer`` instead of to AWS."""
    client = boto3.client(service, region_name=region, aws_access_key_id="none", aws_secret_access_key="none")
    taken: dict[str, Any] = {}

    def take(params: dict[str, Any], **_: Any) -> None:
        taken["parameters"] = params

    def respond(model: Any, **_: Any) -> tuple[_Http, Answer]:
        try:
            return _Http(200), {**answer(model.name, taken["parameters"]), "ResponseMetadata": {}}
        except Refusal as refusal:
            error = {"Code": refusal.code, "Message": str(refusal)}
            return _Http(400), {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}

    client.meta.events.register("before-parameter-build.*.*", take)
    client.meta.events.register("before-call.*.*", respond)
    return client


def serve(answers: dict[str, Callable[[str, dict[str, Any]], Answer]]) -> Any:
    """Patch the modules' clients: each service named here is answered by its function, any other fails the test."""

    def connect(_module: Any, *, resource: str, region: str | None = None, **_: Any) -> Any:
        return client_for(resource, answers[resource], region)

    return mock.patch.object(amazon_modules, "boto3_conn", connect)
