# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A parameter that breaks its own constraints, or is not in the template, is refused before anything is made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import ResourceMap

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud


def correct(cloud: Cloud, moto: Patches) -> None:
    """Check when moto resolves the parameters."""

    def load(original: Any, resources: ResourceMap) -> None:
        if not resources._template:
            # A stack that a change set is to create has none yet: that of the change set is checked.
            return
        declared = resources._template.get("Parameters", {})
        unknown = sorted(set(resources.input_parameters or {}) - set(declared))
        if unknown:
            raise ValidationError(message=f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        for name, value in (resources.input_parameters or {}).items():
            reason = broken(declared[name], str(value))
            if reason:
                raise ValidationError(message=f"Parameter '{name}' {reason}")
        original(resources)

    moto.wrap(ResourceMap, "load_parameters", load)


def broken(declared: dict[str, Any], value: str) -> str:
    """How a value breaks a parameter's constraints, in CloudFormation's words; empty where it does not."""
    if declared.get("Type") == "Number":
        return _broken_number(declared, value)
    pattern = declared.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        return f"must match pattern {pattern}"
    if len(value) < int(declared.get("MinLength", 0)):
        return f"must contain at least {declared['MinLength']} characters"
    if len(value) > int(declared.get("MaxLength", len(value))):
        return f"must contain at most {declared['MaxLength']} characters"
    return _not_allowed(declared, value)


def _broken_number(declared: dict[str, Any], value: str) -> str:
    try:
        number = float(value)
    except ValueError:
        return "must be a number."
    if number < float(declared.get("MinValue", number)):
        return f"must be a number not less than {declared['MinValue']}"
    if number > float(declared.get("MaxValue", number)):
        return f"must be a number not greater than {declared['MaxValue']}"
    return _not_allowed(declared, value)


def _not_allowed(declared: dict[str, Any], value: str) -> str:
    allowed = [str(one) for one in declared.get("AllowedValues") or []]
    if allowed and value not in allowed:
        return f"must be one of AllowedValues [{', '.join(allowed)}]"
    return ""
