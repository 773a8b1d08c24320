# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From CloudFormation's Pascal case to the ECS API's camel case, leaving the user's own keys alone."""

from __future__ import annotations

from typing import Any

# Below these the keys are the user's own: labels, log options, driver options.
OWN_KEYS = {"Options", "DockerLabels", "DriverOpts", "Labels"}


def camel(value: Any) -> Any:
    """Every key of the API's own with a lower first letter."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: one if key in OWN_KEYS else camel(one) for key, one in value.items()}
    return value


def tags(properties: dict[str, Any]) -> list[dict[str, str]]:
    """``Tags`` as the ECS API has them."""
    return [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags") or []]
