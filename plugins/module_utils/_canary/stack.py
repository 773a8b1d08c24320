# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to ask of CloudFormation, so that a stack update changes what the user asked for and nothing else.

Between two updates a canary moves on: weights, releases and counts are no longer those that the stack recorded. An
update of any property of a service sends all of them, and so does the rollback of an update that failed, with the
values recorded before. Therefore an update has two parts. The first one tells the stack what is live, and so changes
nothing; the second one changes what was asked for, and where it fails, CloudFormation returns to what was live. Counts
are told to be left alone, so one that was asked for stays.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html

Whatever an update sends of a service, CloudFormation waits until that is steady, for hours if it must.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ansible_collections.canary.ecs.plugins.module_utils._canary.deployment import primary
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import only_given, whole
from ansible_collections.canary.ecs.plugins.module_utils._canary.stack_events import failures

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
    "health_grace": "HealthGrace",
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
_SERVICE = (*_TASK, "AssignPublicIp", "SubnetIds", "HealthGrace")

# Nothing was ever made, or all of it was rolled back: CloudFormation only lets such a stack be deleted.
_REMAINS = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
# An update that was not rolled back: only another one that is not to be, either, brings the stack on from there.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
_HALFWAY = "UPDATE_FAILED"
_AT_REST = (*_DONE, "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
_UPDATABLE = (*_AT_REST, _HALFWAY)

_ON_FROM_HALFWAY = (
    "Do not let CloudFormation roll the stack back (rollback-stack): that would bring the releases and counts that it "
    "remembers to life. Mend what failed, then deploy again."
)

Values = dict[str, Any]


@dataclass(frozen=True)
class StackPlan:
    """What to do: remove what a failed creation left, tell the stack what is live, then bring it to ``parameters``.

    ``rolls_back``: where that fails, CloudFormation returns to what was live. Parameters are as
    amazon.aws.cloudformation takes them.
    """

    creates: bool
    removes_first: bool = False
    rolls_back: bool = True
    live: Values = field(default_factory=dict)
    parameters: Values = field(default_factory=dict)

    def facts(self) -> Values:
        """The plan as the role reads it."""
        return {
            "creates": self.creates,
            "removes_first": self.removes_first,
            "rolls_back": self.rolls_back,
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
    return _Update(values, stack, services, stack_name=stack_name, template_changed=template_changed).plan()


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
    return stack is not None and _status_of(stack) in _UPDATABLE


def outcome(stack: Mapping[str, Any] | None, *, gone: bool, changed: bool = True) -> str:
    """The status of a stack on which CloudFormation has done what was asked for, empty for one that is ``gone``.

    ``stack`` is as it is read when the work is said to be done, ``changed`` whether there was any. Raises `CanaryError`
    where it is not done: amazon.aws.cloudformation takes an error of a look at the stack for a stack that was deleted.
    """
    status = _status_of(stack) if stack else "DELETE_COMPLETE"
    if gone and status == "DELETE_COMPLETE":
        return ""
    if not gone and status in (_DONE if changed else _AT_REST):
        return status
    if status.endswith("_IN_PROGRESS"):
        raise CanaryError(
            f"it is {status}, and the wait for it broke off. CloudFormation goes on by itself: wait until that has "
            "ended, then repeat."
        )
    if gone:
        raise CanaryError(f"it is {status}, and was to be removed. Mend what is in the way, then repeat.")
    found = "it does not exist any more" if status == "DELETE_COMPLETE" else f"it is {status}"
    raise CanaryError(f"{found}, and was to be complete. Mend what failed, then repeat.")


def why_failed(failed: Mapping[str, Any], stack: Mapping[str, Any] | None) -> list[str]:
    """What the result of a failed task says, the reasons that CloudFormation gives, and how to go on.

    ``stack`` is as amazon.aws.cloudformation_info returns it with its events, None where it is gone.
    """
    said = str(failed.get("output") or failed.get("msg") or "").rstrip(".")
    reasons = list(failed.get("log") or []) or failures((stack or {}).get("stack_events") or [])
    halfway = stack is not None and _status_of(stack) == _HALFWAY
    return [f"{said}.", *reasons, *([_ON_FROM_HALFWAY] if halfway else [])]


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


def _own_mins(services: Mapping[str, Any]) -> Values:
    """The min of a service that a flow holds at another one: who asks for it asks for no change."""
    held = {name: services[name.lower()].get("held_from") for name in NEW_COUNTS}
    return {f"{name}Min": str(own) for name, own in held.items() if own is not None}


def _release(outputs: Mapping[str, Any], service: str, facts: Mapping[str, Any]) -> str:
    """The task definition that the service runs, empty where it is the stack's own."""
    running = str(facts["task_definition"])
    return "" if running == outputs.get(f"{service}TaskDefinition") else running


def _unsteady(facts: Mapping[str, Any]) -> str:
    """What keeps a service from being steady, in words; empty where it is."""
    desired, running = int(facts["desired"]), int(facts.get("running", facts["desired"]))
    rollout = _rollout(facts)
    if running < desired:
        return f"{running} of {desired} tasks are running, and its rollout is {rollout}"
    return f"its rollout is {rollout}" if desired and rollout != "COMPLETED" else ""


def _rollout(facts: Mapping[str, Any]) -> str:
    """How far a service is with its newest release."""
    return str((primary(dict(facts)) or {}).get("rollout_state") or "COMPLETED")


def _serves(services: Mapping[str, Any], service: str) -> bool:
    """Whether requests may depend on what a service has now."""
    group = services[service.lower()].get("target_group") or {}
    rests = service == "Canary" and services.get("percent", 0) == 0
    return not rests and bool(group.get("healthy"))


def _refuse_unsteady(side: str, service: str | None, why: str) -> NoReturn:
    """Refuse an update that would wait for a service."""
    way_out = (
        " A canary that never will be: canary.ecs.rollback -e park_desired=0 -e park_min=0 takes its traffic, then its "
        "tasks."
    )
    raise CanaryError(
        f"The {side.lower()} service {service} is not steady: {why}. The update would wait for it. Nothing was "
        f"changed. Wait until it is steady, then repeat.{way_out if side == 'Canary' else ''}"
    )


class _Update:
    """The update of a stack that exists."""

    def __init__(
        self,
        values: Values,
        stack: Mapping[str, Any],
        services: Mapping[str, Any],
        *,
        stack_name: str,
        template_changed: bool,
    ) -> None:
        self.stack_name = stack_name
        self.services = services
        # CloudFormation tries again what has failed, and the outputs may not tell the stack's own releases any more.
        self.halfway = _status_of(stack) == _HALFWAY
        outputs = {} if self.halfway else stack.get("stack_outputs") or {}
        self.template_changed = template_changed
        self.recorded: Values = dict(stack.get("stack_parameters") or {})
        self.live = {name: _live(name, services[name.lower()]) for name in NEW_COUNTS}
        self.releases = {name: _release(outputs, name, services[name.lower()]) for name in NEW_COUNTS}
        current = {**self.recorded, **self.live["Stable"], **self.live["Canary"], **_own_mins(services)}
        self.changes = {name: value for name, value in values.items() if str(current.get(name, "")) != value}
        self._refuse()

    def _refuse(self) -> None:
        """Refuse what would take clients their service, and counts that autoscaling would move back."""
        self._refuse_another_network()
        for service, live in self.live.items():
            counts = [self.changes.get(f"{service}{name}", live.get(f"{service}{name}")) for name in _COUNTS]
            asked = any(f"{service}{name}" in self.changes for name in _COUNTS)
            if asked and None not in counts:
                _refuse_outside(service, *(int(str(count)) for count in counts))

    def _refuse_another_network(self) -> None:
        """Refuse what would replace the target groups, and the rule with them, or part services and load balancer.

        CloudFormation changes the load balancer first, and a target in a zone that this no longer has gets no request.
        https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-subnets.html
        """
        if "VpcId" in self.changes or ("SubnetIds" in self.changes and not self.recorded.get("VpcId")):
            raise CanaryError(
                "vpc_id and subnet_ids cannot move a stack that exists to another network: its target groups would be "
                "replaced while they serve. Deploy a second stack with another stack_name."
            )
        present = str(self.recorded.get("SubnetIds", "")).split(",")
        wanted = self.changes.get("SubnetIds", "").split(",")
        if "SubnetIds" in self.changes and not set(present) & set(wanted):
            raise CanaryError(
                f"subnet_ids has none of the subnets of stack {self.stack_name} ({', '.join(present)}): the load "
                "balancer would leave them before the tasks do. Add the new ones beside the old in one deployment, and "
                "leave the old ones out in the next. Of one zone a load balancer takes one subnet: replace one after "
                "the other."
            )

    def plan(self) -> StackPlan:
        """Both parts of the update; the first one is empty where the stack knows what is live."""
        kept = {service: self._kept(service) for service in self.live}
        protected = [service for service in self.live if self._protects(service)]
        told = {name: value for service in protected for name, value in kept[service].items()}
        news = {name: value for name, value in told.items() if str(self.recorded.get(name, "")) != value}
        made = {name: value for service in self.live for name, value in self._made(service).items()}
        rolls_back = len(protected) == len(self.live)
        return StackPlan(
            creates=False,
            rolls_back=rolls_back,
            # From halfway an update goes on only where it is not to be rolled back, which the second one is.
            live={**self.recorded, **news} if rolls_back and (news or self.halfway) else {},
            parameters={**self.recorded, **kept["Stable"], **kept["Canary"], **made, **self.changes},
        )

    def _sends(self, service: str) -> bool:
        """Whether the update sends anything of this service itself; its bounds are another resource's."""
        own = (*_SERVICE, f"{service}Image", f"{service}Desired")
        return self.halfway or self.template_changed or any(name in self.changes for name in own)

    def _protects(self, service: str) -> bool:
        """Whether the stack is told what is live on a service, for a failed update to return there.

        Raises `CanaryError` where the update would wait for a service that is not steady. The exception is one that is
        to get another release instead of a broken one: it cannot be waited for. What the stack remembers is older, so
        an update without that protection is not rolled back.
        """
        why = _unsteady(self.services[service.lower()])
        if not why or not self._sends(service):
            return True
        if not self._mends(service):
            _refuse_unsteady(service, self.services[service.lower()].get("service"), why)
        return False

    def _mends(self, service: str) -> bool:
        """Whether the update gives a release to a service whose own is broken.

        One that answers requests is not, and a stable service that is on its way to a release may not be.
        """
        if f"{service}Image" not in self.changes or _serves(self.services, service):
            return False
        return service == "Canary" or _rollout(self.services["stable"]) != "IN_PROGRESS"

    def _kept(self, service: str) -> Values:
        """What is live on a service, for an update to leave it so: no count, the release, the bounds."""
        own = {f"{service}Desired": "", f"{service}Release": self.releases[service]} if self._sends(service) else {}
        if not own and not any(name.startswith(service) for name in self.changes):
            return {}
        bounds = {name: value for name, value in self.live[service].items() if name.endswith(("Min", "Max"))}
        return {**own, **bounds}

    def _made(self, service: str) -> Values:
        """What makes a new release of a service: the stack's own task definition, with the image that is live.

        Nothing where its image, cpu, memory and port stay.
        """
        if f"{service}Image" not in self.changes and not any(name in self.changes for name in _TASK):
            return {}
        image = {name: value for name, value in self.live[service].items() if name.endswith("Image")}
        return {f"{service}Release": "", **image}
