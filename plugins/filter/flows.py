# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role's task files ask Python to decide, so that they read as lists of steps.

A filter that can refuse returns the reason as ``problem``, which is empty when it does not: the task file asserts it,
and the user reads one sentence instead of a templating error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.flow_services import named_services, services_of
from ansible_collections.canary.ecs.plugins.module_utils._canary.flows import (
    Settings,
    plan_promote,
    plan_rollback,
    plan_shift,
    refuse_larger,
    size_after,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import given
from ansible_collections.canary.ecs.plugins.module_utils._canary.stack import (
    changes_in_words,
    holds_canary,
    is_meant,
    is_ours,
    outcome,
    plan_stack,
    why_failed,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.status import (
    rollback_line,
    status_lines,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.steps import target_of

Facts = Mapping[str, Any]
Answer = dict[str, Any]


def _answer(decide: Callable[[], Mapping[str, Any]]) -> Answer:
    """What was decided, or the reason why it cannot be."""
    try:
        return {"problem": "", **decide()}
    except CanaryError as error:
        return {"problem": str(error)}


def named(options: Facts) -> Answer:
    """The services that the user named."""
    return _answer(lambda: {"services": named_services(options)})


def services(stacks: Facts, stack_name: str) -> Answer:
    """The services in the outputs of a stack."""
    return _answer(lambda: {"services": services_of(_first(stacks), stack_name=stack_name)})


def stack_plan(
    asked: Facts, stacks: Facts, *, stack_name: str, services: Facts | None = None, template_changed: bool = False
) -> Answer:
    """What to ask of CloudFormation."""
    return _answer(
        lambda: plan_stack(
            asked,
            stack_name=stack_name,
            stack=_first(stacks),
            services=services,
            template_changed=template_changed,
        ).facts()
    )


def readable(stacks: Facts) -> bool:
    """Whether the stack exists and is complete, so that its services can be read."""
    return holds_canary(_first(stacks))


def stack_failures(stacks: Facts, failed: Facts) -> list[str]:
    """What failed, and why: of the result of a task, and of the stack with its events."""
    return why_failed(failed, _first(stacks))


def stack_outcome(stacks: Facts, *, gone: bool, changed: bool = True) -> Answer:
    """Whether CloudFormation has done what was asked for; anything else is a problem."""
    return _answer(lambda: {"status": outcome(_first(stacks), gone=gone, changed=changed)})


def removable(stacks: Facts, stack_name: str, *, confirm: str | None = None) -> Answer:
    """Whether there is the stack; one that is not meant, or that this collection did not make, is a problem."""
    stack = _first(stacks)

    def decide() -> Facts:
        meant = is_meant(confirm, stack_name=stack_name)
        return {"exists": meant and stack is not None and is_ours(stack, stack_name=stack_name)}

    return _answer(decide)


def target(options: Facts) -> Answer:
    """The split that the user asked for."""
    return _answer(lambda: {"percent": _target(options).percent})


def shift_plan(info: Facts, options: Facts) -> Answer:
    """How to bring the canary's share to what was asked for."""
    return _answer(lambda: plan_shift(info, Settings.to_shift(options), _target(options), step=options.get("step")))


def rollback_plan(info: Facts, options: Facts) -> Answer:
    """How to bring all traffic to stable."""
    return _answer(lambda: plan_rollback(info, Settings.to_park(options), restore=_restore(options)))


def promote_plan(info: Facts, options: Facts) -> Answer:
    """How stable takes the canary's release, and then the traffic."""
    return _answer(
        lambda: plan_promote(
            info, Settings.to_park(options), take=options["take"], return_step=options.get("return_step")
        )
    )


def traffic_left(info: Facts, plan: Facts) -> Answer:
    """Whether the canary's share is as small as the plan has made it, so that its tasks may go."""

    def decide() -> Facts:
        refuse_larger(info, plan)
        return {}

    return _answer(decide)


def canary_size(info: Facts, plan: Facts, options: Facts) -> Answer:
    """The canary's size once the traffic has moved."""
    return _answer(lambda: {"size": size_after(info, plan, options)})


def _restore(options: Facts) -> bool:
    """Whether stable takes back its previous release, among the options; as a word too, which a survey sends."""
    word = given(options.get("restore"), False)
    try:
        return bool(boolean(word))
    except TypeError as error:
        raise CanaryError(f"restore is {word!r}: give true or false.") from error


def _target(options: Facts) -> Any:
    """The target among the options."""
    return target_of(**{name: options.get(name) for name in ("percent", "stable_weight", "canary_weight")})


def _first(stacks: Facts) -> Facts | None:
    """The one stack in the result of amazon.aws.cloudformation_info, or None."""
    return next(iter(stacks.values()), None)


class FilterModule:
    """The filters of canary.ecs."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "given": given,
            "named": named,
            "services": services,
            "stack_plan": stack_plan,
            "readable": readable,
            "stack_failures": stack_failures,
            "stack_outcome": stack_outcome,
            "stack_changes": changes_in_words,
            "removable": removable,
            "target": target,
            "shift_plan": shift_plan,
            "rollback_plan": rollback_plan,
            "promote_plan": promote_plan,
            "traffic_left": traffic_left,
            "canary_size": canary_size,
            "status_lines": status_lines,
            "rollback_line": rollback_line,
        }
