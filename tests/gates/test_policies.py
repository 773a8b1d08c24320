# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies in the guides: as narrow as AWS lets them be, and no further from the code than a recording.

`make policies` writes them; `make permissions` proves them on the lab, action by action.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from lab.checkout import CHECKOUT
from tests.permissions import stack
from tests.permissions.policies import FOLDER, PLAYBOOKS, SCOPES, actions_of, as_text, policy, rendered
from tests.tools import tracked

# The client that each file of wrappers calls, by the prefix of its actions.
WRAPPERS = {
    "ecs": "ecs",
    "elbv2": "elasticloadbalancing",
    "autoscaling": "application-autoscaling",
    "cloudformation": "cloudformation",
}
# Most of what the playbooks ask of it, amazon.aws's modules do.
SHARED = {"cloudformation"}
# AWS lets these be narrowed by what nobody knows beforehand, so that a condition does it.
BY_CONDITION = {"ecs:ListTasks"}


def operations() -> Iterator[str]:
    """The action behind every call that the plugins can make."""
    for stem, prefix in WRAPPERS.items():
        name = Path(f"plugins/module_utils/_aws/{stem}.py")
        for node in ast.walk(ast.parse((CHECKOUT / name).read_text(encoding="utf-8"))):
            called = (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"call", "pages"}
            )
            if called and isinstance(node.args[1], ast.Constant):
                yield f"{prefix}:{''.join(part.capitalize() for part in str(node.args[1].value).split('_'))}"


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """What AWS publishes of its actions, as cfn-lint carries it."""
    text = resources.files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def test_there_is_one_policy_for_each_playbook() -> None:
    assert {name.stem for name in tracked(":(glob)playbooks/*.yml")} == set(PLAYBOOKS)
    assert {path.stem for path in FOLDER.glob("*.json")} == {*PLAYBOOKS, stack.FILE.stem}


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_policy_is_what_its_actions_make_it(playbook: str) -> None:
    text = (FOLDER / f"{playbook}.json").read_text(encoding="utf-8")
    assert text == as_text(rendered(actions_of(policy(playbook)))), "run make policies"


def test_every_call_of_the_plugins_is_in_some_policy() -> None:
    allowed = {action for playbook in PLAYBOOKS for action in actions_of(policy(playbook))}
    made = set(operations())
    assert len(made) > 10
    assert made - allowed == set(), "run make policies"
    ours = tuple(f"{prefix}:" for prefix in WRAPPERS.values() if prefix not in SHARED)
    assert {action for action in allowed if action.startswith(ours)} - made == set()


@pytest.mark.parametrize("action", sorted(action for scope in SCOPES for action in scope.actions))
def test_an_action_exists_and_is_as_narrow_as_it_can_be(action: str, known: dict[str, Any]) -> None:
    prefix, name = action.split(":")
    entry = known[prefix]["Actions"].get(name.lower())
    assert entry is not None, f"AWS has no action {action}"
    scope = next(scope for scope in SCOPES if action in scope.actions)
    narrow = scope.resources != ["*"] or (action in BY_CONDITION and bool(scope.condition))
    assert narrow == bool(entry.get("Resources")), f"{action} can be allowed on {entry.get('Resources')}"


def test_what_cloudformation_needs_is_what_the_resources_of_the_template_need(known: dict[str, Any]) -> None:
    assert stack.FILE.read_text(encoding="utf-8") == as_text(stack.document()), "run make policies"
    for action in stack.actions():
        prefix, name = action.split(":")
        assert name.lower() in known[prefix]["Actions"], f"AWS has no action {action}"
    for kind, actions in stack.handled():
        assert actions & stack.actions(), f"nothing is allowed for {kind}"
