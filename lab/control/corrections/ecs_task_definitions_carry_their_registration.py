# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task definition read back says when and by whom it was registered, what it requires, and when it was deregistered.

RegisterTaskDefinition refuses these fields, so whoever copies a task definition has to leave them out.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.ecs.models import EC2ContainerServiceBackend, TaskDefinition

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud

REQUIRES = [
    {"name": "ecs.capability.task-eni"},
    {"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"},
]


def correct(cloud: Cloud, moto: Patches) -> None:
    """Note what ECS notes."""

    def register(original: Any, backend: EC2ContainerServiceBackend, *given: Any, **named: Any) -> TaskDefinition:
        definition: Any = original(backend, *given, **named)
        definition.registered_at = datetime.now(UTC)
        definition.registered_by = f"arn:aws:iam::{backend.account_id}:root"
        definition.requires_attributes = REQUIRES
        made: TaskDefinition = definition
        return made

    def deregister(original: Any, backend: EC2ContainerServiceBackend, name: str) -> TaskDefinition:
        definition: Any = original(backend, name)
        definition.deregistered_at = datetime.now(UTC)
        made: TaskDefinition = definition
        return made

    moto.wrap(EC2ContainerServiceBackend, "register_task_definition", register)
    moto.wrap(EC2ContainerServiceBackend, "deregister_task_definition", deregister)
