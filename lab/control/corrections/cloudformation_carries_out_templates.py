# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudFormation changes what differs, in order, waits for services, and rolls back what fails.

moto creates resources in any order, finds changes by the template's text alone (not by what a condition, a substitution
or a replaced resource changes), never waits, and knows no rollback.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Change, ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.parsing import get_model_map
from moto.cloudformation.responses import CloudFormationResponse

from lab.control.patches import Patches
from lab.control.stacks import autoscaling, ecs, elbv2, network
from lab.control.stacks.engine import HALFWAY
from lab.control.stacks.resource import Resource

if TYPE_CHECKING:
    from lab.control.cloud import Cloud

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."

TYPES: tuple[type[Resource], ...] = (
    network.SecurityGroup,
    elbv2.LoadBalancer,
    elbv2.TargetGroup,
    elbv2.Listener,
    elbv2.ListenerRule,
    ecs.Cluster,
    ecs.TaskDefinition,
    ecs.Service,
    autoscaling.ScalableTarget,
    autoscaling.ScalingPolicy,
)


def correct(cloud: Cloud, moto: Patches) -> None:
    """Hand stacks to the lab's engine, and its resource types to moto's parser."""
    engine = cloud.stacks
    models: dict[str, Any] = get_model_map()
    for kind in TYPES:
        moto.put_item(models, kind.type, type(kind.__name__, (kind,), {"cloud": cloud}))

    def update(_original: Any, stack: Stack, template: str, *_rest: Any, **given: Any) -> None:
        engine.update(stack, template, given.get("parameters") or {}, disable_rollback=stack.disable_rollback)
        stack.tags = stack.tags if given.get("tags") is None else given["tags"]

    moto.wrap(Stack, "create_resources", lambda _, stack: engine.create(stack))
    moto.wrap(Stack, "update", update)
    moto.put(Stack, "outputs", property(engine.outputs))
    moto.put(Stack, "stack_resources", property(engine.resources))
    moto.wrap(CloudFormationBackend, "update_stack", _refusing_busy(cloud))
    moto.wrap(CloudFormationBackend, "delete_stack", _deleting(cloud))
    moto.wrap(CloudFormationBackend, "execute_change_set", _executing(cloud))
    moto.wrap(CloudFormationBackend, "create_change_set", _changing(cloud))
    moto.wrap(CloudFormationResponse, "create_change_set", _of_update)
    moto.wrap(CloudFormationResponse, "update_stack", _with_or_without_rollback)
    moto.wrap(CloudFormationResponse, "_validate_different_update", _refusing_the_same)
    moto.wrap(ChangeSet, "diff", _planning(cloud))


def _refusing_busy(cloud: Cloud) -> Any:
    def update_stack(original: Any, backend: CloudFormationBackend, name: str, *args: Any, **kwargs: Any) -> Stack:
        stack = backend.get_stack(name)
        if cloud.stacks.busy(stack):
            state = f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
            raise ValidationError(message=state)
        updated: Stack = original(backend, name, *args, **kwargs)
        return updated

    return update_stack


def _deleting(cloud: Cloud) -> Any:
    """DeleteStack returns at once; the stack is gone when its resources are."""

    def delete_stack(_original: Any, backend: CloudFormationBackend, name_or_id: str) -> None:
        for stack in list(backend.stacks.values()):
            if name_or_id not in (stack.name, stack.stack_id) or stack.status == "DELETE_IN_PROGRESS":
                continue
            cloud.stacks.delete(stack, finish=partial(_bury, backend, stack))

    return delete_stack


def _bury(backend: CloudFormationBackend, stack: Stack) -> None:
    backend.deleted_stacks[stack.stack_id] = backend.stacks.pop(stack.stack_id)
    for name in [name for name, export in backend.exports.items() if export.exporting_stack_id == stack.stack_id]:
        backend.exports.pop(name)


def _planning(cloud: Cloud) -> Any:
    """A change set's changes are what an update would do."""

    def diff(_original: Any, change_set: ChangeSet) -> list[Change]:
        return cloud.stacks.plan(change_set.stack, change_set.template_dict, change_set.parameters)

    return diff


def _of_update(original: Any, response: CloudFormationResponse) -> Any:
    """A change set is one of an update unless it says otherwise.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    response.params.setdefault("ChangeSetType", "UPDATE")
    return original(response)


def _with_or_without_rollback(original: Any, response: CloudFormationResponse) -> Any:
    """An update that fails is rolled back, unless it says otherwise.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
    """
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    stack.disable_rollback = bool(response._get_bool_param("DisableRollback", False))
    return original(response)


def _refusing_the_same(original: Any, response: CloudFormationResponse, *given: Any) -> None:
    """UpdateStack refuses an update that changes nothing; CreateChangeSet does not, and the change set says so.

    What failed and was not rolled back may be tried again as it is.
    """
    stack: Stack = given[-1]
    if response._get_action() != "CreateChangeSet" and stack.status != HALFWAY:
        original(response, *given)


def _changing(cloud: Cloud) -> Any:
    """A change set without changes is FAILED, and one that is refused leaves no stack behind."""

    def create(original: Any, backend: CloudFormationBackend, *given: Any, **named: Any) -> tuple[str, str]:
        before = set(backend.stacks)
        try:
            set_id, stack_id = original(backend, *given, **named)
        except ValidationError:
            for new in set(backend.stacks) - before:
                del backend.stacks[new]
            raise
        change_set: Any = backend.change_sets[set_id]
        if not change_set.changes:
            change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
            change_set.status_reason = NO_CHANGES
        else:
            change_set.status, change_set.execution_status = "CREATE_COMPLETE", "AVAILABLE"
        return set_id, stack_id

    return create


def _executing(cloud: Cloud) -> Any:
    """ExecuteChangeSet does what CreateStack or UpdateStack would."""

    def execute(
        _original: Any, backend: CloudFormationBackend, change_set_name: str, stack_name: str | None = None
    ) -> None:
        change_set = backend.describe_change_set(change_set_name)
        if change_set is None:
            raise ValidationError(stack_name)
        stack = backend.stacks[change_set.stack_id]
        change_set.execution_status = "EXECUTE_COMPLETE"
        if change_set.change_set_type == "CREATE":
            stack.template, stack.template_dict = change_set.template, change_set.template_dict
            stack.parameters, stack.description = change_set.parameters, stack.template_dict.get("Description")
            cloud.stacks.create(stack)
        else:
            cloud.stacks.update(stack, change_set.template, change_set.parameters)

    return execute
