# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release: what a task definition deploys, and how stable's own family takes the canary's images.

Task definitions are AWS's own dictionaries throughout, so that every field, and every key that a user chose (labels,
environment, log options), goes back exactly as it was read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError

# What ECS adds when it describes a task definition, and refuses in RegisterTaskDefinition.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
READ_ONLY = frozenset(
    {
        "compatibilities",
        "deleteRequestedAt",
        "deregisteredAt",
        "registeredAt",
        "registeredBy",
        "requiresAttributes",
        "revision",
        "status",
        "taskDefinitionArn",
    }
)

# Lists without an order of their own. The order of all others (a command's words, environment files, where the first
# value of a variable wins) has a meaning.
UNORDERED = frozenset(
    {
        "containerDefinitions",
        "dependsOn",
        "environment",
        "mountPoints",
        "placementConstraints",
        "portMappings",
        "secrets",
        "systemControls",
        "tags",
        "ulimits",
        "volumes",
        "volumesFrom",
    }
)


def images(task_definition: Mapping[str, Any]) -> dict[str, str]:
    """Each container's image, by container."""
    return {container["name"]: container["image"] for container in task_definition["containerDefinitions"]}


def with_images(task_definition: Mapping[str, Any], taken: Mapping[str, str]) -> dict[str, Any]:
    """What to register so that a task definition deploys other images, and is otherwise what it was.

    ``taken`` holds each container's new image. Tags that AWS set itself (``aws:...``) are left out, because
    RegisterTaskDefinition refuses them.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html
    """
    wanted = {field: value for field, value in task_definition.items() if field not in READ_ONLY}
    wanted["containerDefinitions"] = [
        {**container, "image": taken[container["name"]]} for container in task_definition["containerDefinitions"]
    ]
    tags = [tag for tag in wanted.pop("tags", []) if not tag["key"].startswith("aws:")]
    return {**wanted, "tags": tags} if tags else wanted


def refuse_unlike_containers(stable: Mapping[str, str], canary: Mapping[str, str]) -> None:
    """Raise `CanaryError` unless both releases have the same containers, naming those that only one has.

    ``stable`` and ``canary`` hold the images by container.
    """
    only = {
        "stable": sorted(stable.keys() - canary.keys()),
        "canary": sorted(canary.keys() - stable.keys()),
    }
    found = [f"only {side} has {', '.join(names)}" for side, names in only.items() if names]
    if found:
        raise CanaryError(
            f"Images cannot be taken container by container: {'; '.join(found)}. "
            "Give both task definitions the same containers, or promote with take=task_definition."
        )


def same_release(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two task definitions deploy the same, whatever their revisions."""
    return _canonical(one) == _canonical(other)


def _canonical(task_definition: Mapping[str, Any]) -> str:
    """A task definition without what ECS adds, what is empty, and what order says nothing."""
    writable = with_images(task_definition, images(task_definition))
    return json.dumps(_plain(writable), sort_keys=True, default=str)


def _plain(value: Any, field: str = "") -> Any:
    """``value`` with empty fields dropped and unordered lists sorted; ``field`` is the name it stands under.

    Maps whose keys are the user's own hold words only, and stay as they are.
    """
    if isinstance(value, Mapping):
        plain = {name: _plain(inner, name) for name, inner in value.items()}
        return {name: inner for name, inner in plain.items() if inner not in (None, [], {})}
    if isinstance(value, list):
        items = [_plain(item) for item in value]
        return sorted(items, key=_text) if field in UNORDERED else items
    return value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
