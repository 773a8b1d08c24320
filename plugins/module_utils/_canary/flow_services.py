# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that a flow of the role works on: those that the user named, or those of the stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import only_given

NAMES = ("cluster", "stable_service", "canary_service")

# From the outputs of the stack, by the names that the modules use.
_OUTPUTS = {"cluster": "Cluster", "stable_service": "StableService", "canary_service": "CanaryService"}


def named_services(options: Mapping[str, Any]) -> dict[str, str]:
    """The services that the user named, or nothing where none is named. Raises `CanaryError` for some of the three."""
    named = only_given({name: options.get(name) for name in NAMES})
    missing = [name for name in NAMES if name not in named]
    if named and missing:
        raise CanaryError(
            f"{' and '.join(named)} given, {' and '.join(missing)} missing. "
            "Name all three, or none to work on the services of the stack."
        )
    return {name: str(value) for name, value in named.items()}


def services_of(stack: Mapping[str, Any] | None, *, stack_name: str) -> dict[str, str]:
    """The services in a stack's outputs, ``stack`` as amazon.aws.cloudformation_info returns it (None: there is none).

    Raises `CanaryError` where there is no such stack, or it holds no canary.
    """
    if stack is None:
        raise CanaryError(
            f"There is no stack {stack_name} in this region, and no services are named. Deploy the stack first, "
            "with the playbook canary.ecs.deploy, name yours with stack_name, or name existing services with cluster, "
            "stable_service and canary_service."
        )
    outputs = stack.get("stack_outputs") or {}
    missing = [output for output in _OUTPUTS.values() if output not in outputs]
    if missing:
        status = (stack.get("stack_description") or {}).get("stack_status", "in an unknown state")
        raise CanaryError(
            f"Stack {stack_name} ({status}) has no output {' or '.join(missing)}: it is not complete, or not a stack "
            "of canary.ecs. Name yours with stack_name, or name the services with cluster, stable_service and "
            "canary_service."
        )
    return {name: outputs[output] for name, output in _OUTPUTS.items()}
