# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudFormation's engine: creates, updates and deletes resources in order, waits for them, and rolls back.

moto parses templates and resolves functions; what is done with the outcome is decided here.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events-by-operation.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from functools import partial
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Change, Stack
from moto.cloudformation.parsing import ResourceMap, clean_json, parse_and_update_resource

from lab.control.stacks.deletion import Deletion, Garbage
from lab.control.stacks.diary import Diary
from lab.control.stacks.order import creation_order, dependencies
from lab.control.stacks.resource import Resource, Unstable

Json = dict[str, Any]

HALFWAY = "UPDATE_FAILED"
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
ONLY_WITHOUT_ROLLBACK = (
    "This stack is currently in a non-terminal [UPDATE_FAILED] state. To update the stack from this state, please use "
    "the disable-rollback parameter with update-stack API. To rollback to the last known good state, use the "
    "rollback-stack API"
)


class Failed(Exception):
    """A resource could not be made or changed. The text is the reason that the stack's events give."""

    def __init__(self, logical_id: str, reason: str) -> None:
        super().__init__(reason)
        self.logical_id = logical_id


@dataclass
class Work:
    """What a stack is in the middle of. ``undo`` is what to do when a resource does not come to rest."""

    stack: Stack
    then: str
    undo: Callable[[Failed], None] | None = None
    garbage: InitVar[list[Garbage] | None] = None
    deleting: bool = False
    finish: Callable[[], None] | None = None
    deletion: Deletion = field(init=False)

    def __post_init__(self, garbage: list[Garbage] | None) -> None:
        """What is to be deleted at the end."""
        self.deletion = Deletion(self.stack.resource_map, garbage or [])


class Engine:
    """The stacks of one cloud. The caller holds the lab's lock."""

    def __init__(self) -> None:
        self._applied: dict[str, dict[str, Json]] = {}
        self._work: dict[str, Work] = {}
        self._outputs: dict[str, list[Json] | None] = {}
        self._replaced: dict[str, tuple[Any, Json]] = {}
        self._diary = Diary()

    def resources(self, stack: Stack) -> list[Any]:
        """The resources that a stack has now."""
        parsed = stack.resource_map._parsed_resources
        return [parsed[name] for name in self._applied.get(stack.stack_id, {}) if name in parsed]

    def outputs(self, stack: Stack) -> list[Json] | None:
        """The outputs as of the last operation that completed."""
        return self._outputs.get(stack.stack_id)

    def busy(self, stack: Stack) -> bool:
        """Whether an operation is under way."""
        return stack.stack_id in self._work

    def create(self, stack: Stack) -> None:
        """Create all resources; the stack is complete once they have come to rest."""
        stack.status = "CREATE_IN_PROGRESS"
        undo = self._undo_creation(stack)
        try:
            self._apply(stack, stack.template_dict)
        except Failed as failure:
            self._diary.fail(stack, failure.logical_id, "CREATE_FAILED", str(failure))
            undo(failure)
            return
        self._begin(Work(stack, then="CREATE_COMPLETE", undo=undo))

    def update(self, stack: Stack, template: str, parameters: Json, *, disable_rollback: bool = False) -> None:
        """Change what differs, in order; what is no longer needed is deleted at the end.

        With ``disable_rollback`` an update that fails stays where it is.
        """
        if stack.status == HALFWAY and not disable_rollback:
            raise ValidationError(message=ONLY_WITHOUT_ROLLBACK)
        before, before_parameters, before_text = stack.template_dict, dict(stack.parameters), stack.template
        outputs = self._outputs.get(stack.stack_id)
        stack.template = template
        stack._parse_template()
        if not self._differs(stack, parameters, before):
            stack.template, stack.template_dict = before_text, before
            self._load(stack.resource_map, before, before_parameters)
            raise ValidationError(message="No updates are to be performed.")
        stack._add_stack_event("UPDATE_IN_PROGRESS", resource_status_reason="User Initiated")
        stack.status, stack.parameters = "UPDATE_IN_PROGRESS", parameters
        replaced: dict[str, tuple[Any, Json]] = {}
        self._replaced = replaced

        def undo(failure: Failed) -> None:
            stack._add_stack_event("UPDATE_ROLLBACK_IN_PROGRESS", resource_status_reason=str(failure))
            stack.template, stack.template_dict, stack.parameters = before_text, before, before_parameters
            self._outputs[stack.stack_id] = outputs
            self._put_back(stack, before, replaced)

        stop = partial(self._stay, stack) if disable_rollback else undo
        try:
            garbage = self._apply(stack, stack.template_dict)
        except Failed as failure:
            self._diary.fail(stack, failure.logical_id, "UPDATE_FAILED", str(failure))
            stop(failure)
            return
        self._begin(Work(stack, then="UPDATE_COMPLETE", undo=stop, garbage=garbage))

    def _stay(self, stack: Stack, failure: Failed) -> None:
        """Leave a failed update where it is: what has changed stays so, and the next one tries again what failed."""
        applied, failed = self._applied[stack.stack_id], failure.logical_id
        one = stack.resource_map._parsed_resources.get(failed)
        if failed in applied:
            applied[failed] |= {"Failed": True}
        if isinstance(one, Resource):
            one.stay_failed()
        stack.status = HALFWAY
        stack._add_stack_event(HALFWAY, resource_status_reason=str(failure))

    def plan(self, stack: Stack, template: Json, parameters: Json) -> list[Change]:
        """What an update would add, modify and remove. Changes nothing."""
        resources, applied = stack.resource_map, self._applied.get(stack.stack_id, {})
        entries = template["Resources"]
        try:
            self._load(resources, template, parameters)
            active = _active(resources, entries)
            changed = {name for name in active & set(applied) if applied[name] != _wanted(resources, entries[name])}
        finally:
            if stack.template_dict:
                self._load(resources, stack.template_dict, stack.parameters)
        needs = dependencies(entries, active)
        replaced = {name for name in changed if entries[name]["Type"] == "AWS::ECS::TaskDefinition"}
        changed |= {name for name in active & set(applied) if needs[name] & replaced}
        return [
            *(Change("Add", name, entries[name]["Type"]) for name in creation_order(needs) if name not in applied),
            *(Change("Modify", name, entries[name]["Type"]) for name in creation_order(needs) if name in changed),
            *(Change("Remove", name, applied[name]["Type"]) for name in applied if name not in active),
        ]

    def delete(self, stack: Stack, *, finish: Callable[[], None]) -> None:
        """Delete all resources, users before what they use; ``finish`` is called when none is left."""
        stack._add_stack_event("DELETE_IN_PROGRESS", resource_status_reason="User Initiated")
        stack.status = "DELETE_IN_PROGRESS"
        self._begin(Work(stack, then="DELETE_COMPLETE", garbage=self._everything(stack), deleting=True, finish=finish))

    def tick(self) -> None:
        """One pass over the stacks that are in the middle of something."""
        for work in list(self._work.values()):
            self._advance(work)

    def _begin(self, work: Work) -> None:
        self._work[work.stack.stack_id] = work
        self._advance(work)

    def _advance(self, work: Work) -> None:
        """Wait for resources to come to rest, then delete what is left over, then enter the final status."""
        if not work.deleting and not self._settled(work):
            return
        if work.stack.stack_id not in self._work or self._work[work.stack.stack_id] is not work:
            return
        if not work.deletion.done and not self._sweep(work):
            return
        del self._work[work.stack.stack_id]
        work.stack.status = work.then
        work.stack._add_stack_event(work.then)
        if not work.deleting:
            self._keep_outputs(work.stack)
        if work.finish is not None:
            work.finish()

    def _settled(self, work: Work) -> bool:
        """Whether all resources have come to rest; starts the undoing when one never will."""
        moving = set()
        for one in self.resources(work.stack):
            try:
                if isinstance(one, Resource) and not one.settled():
                    moving.add(one.logical_resource_id)
            except Unstable as unstable:
                if work.undo is None:
                    continue
                del self._work[work.stack.stack_id]
                status = "CREATE_FAILED" if work.then == "CREATE_COMPLETE" else "UPDATE_FAILED"
                self._diary.fail(work.stack, one.logical_resource_id, status, str(unstable))
                work.undo(Failed(one.logical_resource_id, str(unstable)))
                return False
        self._diary.complete(work.stack, settled=lambda name: name not in moving)
        return not moving

    def _sweep(self, work: Work) -> bool:
        """Take one step of the deletion; True when all is gone. A deletion that is stuck ends the operation."""
        gone = work.deletion.step()
        for one in work.deletion.going:
            self._diary.begin(work.stack, one.name, one.entry["Type"], "DELETE")
        self._diary.complete(work.stack, settled=gone.__contains__)
        for name in gone:
            if work.deleting:
                self._applied[work.stack.stack_id].pop(name, None)
                work.stack.resource_map._parsed_resources.pop(name, None)
        if work.deletion.stuck:
            del self._work[work.stack.stack_id]
            work.stack.status = "DELETE_FAILED" if work.deleting else work.then
            work.stack._add_stack_event(work.stack.status, resource_status_reason=work.deletion.refusal)
            return False
        return work.deletion.done

    def _undo_creation(self, stack: Stack) -> Callable[[Failed], None]:
        def undo(failure: Failed) -> None:
            stack._add_stack_event("ROLLBACK_IN_PROGRESS", resource_status_reason=str(failure))
            stack.status = "ROLLBACK_IN_PROGRESS"
            self._begin(Work(stack, then="ROLLBACK_COMPLETE", garbage=self._everything(stack), deleting=True))

        return undo

    def _put_back(self, stack: Stack, template: Json, replaced: dict[str, tuple[Any, Json]]) -> None:
        """Bring every resource back to what it was before a failed update; what was replaced is still there."""
        stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        resources, applied = stack.resource_map, self._applied[stack.stack_id]
        garbage = []
        for name, (old, wanted) in replaced.items():
            entry = resources._resource_json_map[name]
            garbage.append(Garbage(name, resources._parsed_resources[name], entry, applied[name]))
            resources._parsed_resources[name], applied[name] = old, wanted
        try:
            garbage += self._apply(stack, template)
        except Failed as failure:
            self._diary.fail(stack, failure.logical_id, "UPDATE_ROLLBACK_FAILED", str(failure))
            stack.status = "UPDATE_ROLLBACK_FAILED"
            return
        self._begin(Work(stack, then="UPDATE_ROLLBACK_COMPLETE", garbage=garbage))

    def _everything(self, stack: Stack) -> list[Garbage]:
        """All that a stack has, users first; what is to be retained is left out."""
        entries = stack.resource_map._resource_json_map
        applied = self._applied.get(stack.stack_id, {})
        names = [name for name in applied if entries[name].get("DeletionPolicy") != "Retain"]
        order = creation_order(dependencies(entries, set(names)))
        parsed = stack.resource_map._parsed_resources
        return [Garbage(name, parsed[name], entries[name], applied[name]) for name in reversed(order)]

    def _apply(self, stack: Stack, template: Json) -> list[Garbage]:
        """Make the resources what the template says, and return what it no longer has. Raises `Failed`."""
        resources, applied = stack.resource_map, self._applied.setdefault(stack.stack_id, {})
        old_entries = resources._resource_json_map
        self._load(resources, template, stack.parameters)
        entries = template["Resources"]
        garbage: list[Garbage] = []
        order = creation_order(dependencies(entries, _active(resources, entries)))
        for name in order:
            try:
                garbage += self._apply_one(stack, name, entries[name])
            except Exception as error:
                raise Failed(name, f"Resource {name}: {error}") from error
        for name in [name for name in applied if name not in order]:
            if old_entries[name].get("DeletionPolicy") != "Retain":
                garbage.append(Garbage(name, resources._parsed_resources[name], old_entries[name], applied[name]))
            applied.pop(name)
            resources._parsed_resources.pop(name)
        return garbage

    def _apply_one(self, stack: Stack, name: str, entry: Json) -> list[Garbage]:
        """Create, change, replace or leave one resource; returns what it replaced."""
        resources, applied = stack.resource_map, self._applied[stack.stack_id]
        wanted = _wanted(resources, entry)
        garbage: list[Garbage] = []
        if name not in applied:
            self._diary.begin(stack, name, entry["Type"], "CREATE")
            resources._parsed_resources.pop(name, None)
            _made = resources[name]
        elif applied[name] != wanted:
            self._diary.begin(stack, name, entry["Type"], "UPDATE")
            garbage = self._change(resources, name, entry, wanted, before=applied[name])
        applied[name] = wanted
        return garbage

    def _change(self, resources: ResourceMap, name: str, entry: Json, wanted: Json, *, before: Json) -> list[Garbage]:
        """Change one resource in place, or put a new one in its place."""
        old = resources._parsed_resources[name]
        if not isinstance(old, Resource):
            changed: Any = parse_and_update_resource(
                name, entry, resources, account_id=resources._account_id, region_name=resources._region_name
            )
            resources._parsed_resources[name] = changed or old
            return []
        if old.cf_resource_type == entry["Type"] and old.update(wanted["Properties"]):
            return []
        del resources._parsed_resources[name]
        try:
            _made = resources[name]
        except Exception:
            resources._parsed_resources[name] = old
            raise
        self._replaced[name] = (old, before)
        keep = entry.get("UpdateReplacePolicy") == "Retain"
        return [] if keep else [Garbage(name, old, entry, before)]

    def _differs(self, stack: Stack, parameters: Json, before: Json) -> bool:
        """Whether an update would change anything: a resource's resolved properties, or the outputs."""
        after, applied = stack.template_dict, self._applied.get(stack.stack_id, {})
        if before.get("Outputs") != after.get("Outputs") or stack.status.endswith("FAILED"):
            return True
        resources = stack.resource_map
        self._load(resources, after, parameters)
        entries = after["Resources"]
        active = _active(resources, entries)
        if active != set(applied):
            return True
        return any(applied[name] != _wanted(resources, entries[name]) for name in active)

    @staticmethod
    def _load(resources: ResourceMap, template: Json, parameters: Json) -> None:
        """Let moto resolve functions with this template and these parameters from now on."""
        resources._template, resources.input_parameters = template, parameters
        resources._resource_json_map = template["Resources"]
        resources.resolved_parameters = {}
        resources.load_mapping()
        resources.load_parameters()
        resources.load_conditions()

    def _keep_outputs(self, stack: Stack) -> None:
        """Work the outputs out once; later looks must not make moto resolve, and create, anything again."""
        stack.output_map = stack._create_output_map()
        found = [one for one in stack.output_map.values() if one]
        shapes = [{"OutputKey": o.key, "OutputValue": o.value, "Description": o.description} for o in found]
        self._outputs[stack.stack_id] = shapes or None


def _active(resources: ResourceMap, entries: Json) -> set[str]:
    """The resources whose condition holds."""
    held = resources.lazy_condition_map
    return {name for name, entry in entries.items() if "Condition" not in entry or held[entry["Condition"]]}


def _wanted(resources: ResourceMap, entry: Json) -> Json:
    """A resource's type and resolved properties."""
    return {"Type": entry["Type"], "Properties": clean_json(entry.get("Properties") or {}, resources)}
