# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to ask of CloudFormation, so that a stack update changes what the user asked for and nothing else.

Between two updates a canary moves on: weights, releases and counts are no longer those that the stack recorded. An
update of any property of a service sends all of them, and so does the rollback of an update that failed, with the
values recorded before. Therefore an update has two parts. The first one tells the stack what is live, and so changes
nothing; the second one changes what was asked for, and where it fails, CloudFormation returns to what was live.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import only_given, whole

DESCRIPTION = "canary.ecs:"

# What the user may ask for, and the template's name for it.
PARAMETERS = {
    "vpc_id": "VpcId",
    "subnet_ids": "SubnetIds",
    "assign_public_ip": "AssignPublicIp",
    "certificate_arn": "CertificateArn",
    "listener_port": "ListenerPort",
    "container_port": "ContainerPort",
    "health_path": "HealthPath",
    "health_interval": "HealthInterval",
    "health_timeout": "HealthTimeout",
    "healthy_threshold": "HealthyThreshold",
    "unhealthy_threshold": "UnhealthyThreshold",
    "deregistration_delay": "DeregistrationDelay",
    "cpu": "Cpu",
    "memory": "Memory",
    "cpu_target": "CpuTarget",
    "log_days": "LogDays",
    "stable_image": "StableImage",
    "stable_desired": "StableDesired",
    "stable_min": "StableMin",
    "stable_max": "StableMax",
    "canary_image": "CanaryImage",
    "canary_desired": "CanaryDesired",
    "canary_min": "CanaryMin",
    "canary_max": "CanaryMax",
}

# The counts of a new stack, as the template has them.
NEW_COUNTS = {"Stable": (2, 2, 4), "Canary": (1, 1, 4)}

_COUNTS = ("Desired", "Min", "Max")

# What both task definitions, and what both services are made of.
_TASK = ("Cpu", "Memory", "ContainerPort")
_SERVICE = (*_TASK, "AssignPublicIp", "SubnetIds")

# Nothing was ever made, or all of it was rolled back: CloudFormation only lets such a stack be deleted.
_REMAINS = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "UPDATE_FAILED")

Values = dict[str, Any]


@dataclass(frozen=True)
class StackPlan:
    """What to do: remove what a failed creation left, tell the stack what is live, then bring it to ``parameters``.

    Parameters are as amazon.aws.cloudformation takes them.
    """

    creates: bool
    removes_first: bool = False
    live: Values = field(default_factory=dict)
    parameters: Values = field(default_factory=dict)

    def facts(self) -> Values:
        """The plan as the role reads it."""
        return {
            "creates": self.creates,
            "removes_first": self.removes_first,
            "live": self.live,
            "parameters": self.parameters,
        }


def plan_stack(
    asked: Mapping[str, Any],
    *,
    stack_name: str,
    stack: Mapping[str, Any] | None = None,
    services: Mapping[str, Any] | None = None,
    template_changed: bool = False,
) -> StackPlan:
    """The plan for what was asked for, by the names of `PARAMETERS`; what was not asked for stays as it is.

    ``stack`` is as amazon.aws.cloudformation_info returns it, ``services`` as canary.ecs.ecs_canary_info does, both
    None where there is no stack yet. Raises `CanaryError` for what cannot be, before anything is changed.
    """
    values = {PARAMETERS[name]: _text(name, value) for name, value in only_given(asked).items()}
    if stack is None:
        return StackPlan(creates=True, parameters=_new(values))
    is_ours(stack, stack_name=stack_name)
    status = _status_of(stack)
    if status in _REMAINS:
        return StackPlan(creates=True, removes_first=True, parameters=_new(values))
    if status not in _UPDATABLE:
        raise CanaryError(_busy(stack_name, status))
    if services is None:
        raise CanaryError(f"The services of stack {stack_name} could not be read. Check that they exist.")
    return _Update(values, stack, services, template_changed=template_changed).plan()


def is_ours(stack: Mapping[str, Any], *, stack_name: str) -> bool:
    """True for a stack made from this collection's template; raises `CanaryError` for any other one."""
    description = (stack.get("stack_description") or {}).get("description") or ""
    if description.startswith(DESCRIPTION):
        return True
    raise CanaryError(
        f"Stack {stack_name} was not made by canary.ecs: it is left alone. Name another one with stack_name."
    )


def is_meant(confirm: str | None, *, stack_name: str) -> bool:
    """True where nothing was typed to confirm, or the stack's name; raises `CanaryError` for anything else."""
    if confirm in (None, "", stack_name):
        return True
    raise CanaryError(
        f"The stack to remove is {stack_name}, and confirm is {confirm!r}: nothing was removed. Give the stack's name "
        "as confirm, or the other stack as stack_name."
    )


def holds_canary(stack: Mapping[str, Any] | None) -> bool:
    """Whether the stack is complete, so that its services can be read."""
    return stack is not None and _status_of(stack) not in _REMAINS


def changes_in_words(changes: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each resource that a change set would change, from its ``Changes``.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    return [_in_words(change["ResourceChange"]) for change in changes if "ResourceChange" in change]


def _in_words(change: Mapping[str, Any]) -> str:
    replaced = {"True": ", by a new one", "Conditional": ", perhaps by a new one"}.get(
        change.get("Replacement", ""), ""
    )
    return f"{change['Action']} {change['LogicalResourceId']} ({change['ResourceType']}){replaced}"


def _status_of(stack: Mapping[str, Any]) -> str:
    return str(stack["stack_description"]["stack_status"])


def _busy(stack_name: str, status: str) -> str:
    """Why a stack in this status takes no update, and what to do."""
    if status == "REVIEW_IN_PROGRESS":
        return (
            f"Stack {stack_name} is {status}: a change set that is to create it waits for somebody to carry it out. Do "
            "so, or delete the stack (aws cloudformation delete-stack), then repeat."
        )
    if status.endswith("_IN_PROGRESS"):
        return f"Stack {stack_name} is {status}: somebody else is changing it. Wait until that has ended, then repeat."
    return (
        f"Stack {stack_name} is {status}, and takes no update. Repair it in the CloudFormation console (continue the "
        "rollback, or delete the stack), then repeat."
    )


def _text(name: str, value: Any) -> str:
    """A value as CloudFormation takes it: text, lists with commas."""
    if name == "assign_public_ip":
        return "ENABLED" if str(value).strip().lower() in ("true", "yes", "on", "1", "enabled") else "DISABLED"
    if isinstance(value, (list, tuple)):
        return ",".join(str(part).strip() for part in value)
    if name == "subnet_ids":
        return ",".join(part.strip() for part in str(value).split(","))
    if name.rpartition("_")[2] in ("desired", "min", "max"):
        return str(whole(value, name))
    return str(value).strip()


def _new(values: Values) -> Values:
    """The parameters of a new stack; what is left out has the template's default."""
    if "StableImage" not in values:
        raise CanaryError("A new stack needs stable_image. Without canary_image the canary runs the same one.")
    if ("VpcId" in values) != ("SubnetIds" in values):
        raise CanaryError("Give vpc_id and subnet_ids, or neither: then a network is made.")
    filled = {"CanaryImage": values["StableImage"], "SubnetIds": "", **values}
    for service, counts in NEW_COUNTS.items():
        filled.update(_new_counts(values, service, *counts))
    return filled


def _new_counts(values: Values, service: str, desired: int, low: int, high: int) -> Values:
    """The counts of one service in a new stack: those not given make room for those that are."""
    asked = {name: values.get(f"{service}{name}") for name in _COUNTS}
    if asked["Desired"] is None:
        desired = max(desired, int(asked["Min"] or 0))
        desired = min(desired, int(asked["Max"])) if asked["Max"] is not None else desired
    else:
        desired = int(asked["Desired"])
    low = int(asked["Min"]) if asked["Min"] is not None else min(low, desired)
    high = int(asked["Max"]) if asked["Max"] is not None else max(high, desired)
    _refuse_outside(service, desired, low, high)
    return {f"{service}Desired": str(desired), f"{service}Min": str(low), f"{service}Max": str(high)}


def _refuse_outside(service: str, desired: int, low: int, high: int) -> None:
    if low > high:
        raise CanaryError(f"{service.lower()}_min is {low} and {service.lower()}_max is {high}: min is above max.")
    if not low <= desired <= high:
        raise CanaryError(
            f"{service.lower()}_desired is {desired}, outside {service.lower()}_min {low} and {service.lower()}_max "
            f"{high}: autoscaling would move it back."
        )


def _live(service: str, facts: Mapping[str, Any]) -> Values:
    """One service's image and counts as they are, by the parameters' names; unknown ones are left out."""
    images = facts.get("images") or {}
    image = images.get("app") or next(iter(images.values()), None)
    found = {"Image": image, "Desired": facts["desired"], "Min": facts.get("min"), "Max": facts.get("max")}
    return {f"{service}{name}": str(value) for name, value in found.items() if value is not None}


def _release(outputs: Mapping[str, Any], service: str, facts: Mapping[str, Any]) -> str:
    """The task definition that the service runs, empty where it is the stack's own."""
    running = str(facts["task_definition"])
    return "" if running == outputs.get(f"{service}TaskDefinition") else running


class _Update:
    """The update of a stack that exists."""

    def __init__(
        self, values: Values, stack: Mapping[str, Any], services: Mapping[str, Any], *, template_changed: bool
    ) -> None:
        outputs = stack.get("stack_outputs") or {}
        self.template_changed = template_changed
        self.recorded: Values = dict(stack.get("stack_parameters") or {})
        self.live = {name: _live(name, services[name.lower()]) for name in NEW_COUNTS}
        self.releases = {name: _release(outputs, name, services[name.lower()]) for name in NEW_COUNTS}
        current = {**self.recorded, **self.live["Stable"], **self.live["Canary"]}
        self.changes = {name: value for name, value in values.items() if str(current.get(name, "")) != value}
        self._refuse()

    def _refuse(self) -> None:
        """Refuse what would replace the target groups, and with them the rule and its weights."""
        if "VpcId" in self.changes or ("SubnetIds" in self.changes and not self.recorded.get("VpcId")):
            raise CanaryError(
                "vpc_id and subnet_ids cannot move a stack that exists to another network: its target groups would be "
                "replaced while they serve. Deploy a second stack with another stack_name."
            )
        for service, live in self.live.items():
            counts = [self.changes.get(f"{service}{name}", live.get(f"{service}{name}")) for name in _COUNTS]
            asked = any(f"{service}{name}" in self.changes for name in _COUNTS)
            if asked and None not in counts:
                _refuse_outside(service, *(int(str(count)) for count in counts))

    def plan(self) -> StackPlan:
        """Both parts of the update; the first one is empty where the stack knows what is live."""
        touched = [service for service in self.live if self._touches(service)]
        kept = {name: value for service in touched for name, value in self._kept(service).items()}
        news = {name: value for name, value in kept.items() if str(self.recorded.get(name, "")) != value}
        made = {name: value for service in touched for name, value in self._made(service).items()}
        return StackPlan(
            creates=False,
            live={**self.recorded, **news} if news else {},
            parameters={**self.recorded, **kept, **made, **self.changes},
        )

    def _touches(self, service: str) -> bool:
        """Whether the update sends anything of this service."""
        shared = any(name in self.changes for name in _SERVICE)
        return self.template_changed or shared or any(name.startswith(service) for name in self.changes)

    def _kept(self, service: str) -> Values:
        """What is live on a service, for an update to leave it so: no count, the release, the bounds."""
        bounds = {name: value for name, value in self.live[service].items() if name.endswith(("Min", "Max"))}
        return {f"{service}Desired": "", f"{service}Release": self.releases[service], **bounds}

    def _made(self, service: str) -> Values:
        """What makes a new release of a service: the stack's own task definition, with the image that is live.

        Nothing where its image, cpu, memory and port stay.
        """
        if f"{service}Image" not in self.changes and not any(name in self.changes for name in _TASK):
            return {}
        image = {name: value for name, value in self.live[service].items() if name.endswith("Image")}
        return {f"{service}Release": "", **image}
