# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers in the shapes that AWS gives them."""

from __future__ import annotations

import secrets
import uuid


def deployment_id() -> str:
    """``ecs-svc/`` and 19 digits."""
    return f"ecs-svc/{10**18 + secrets.randbelow(9 * 10**18)}"


def hex_id(digits: int = 32) -> str:
    """A hexadecimal identifier, as tasks and rules have."""
    return secrets.token_hex(digits // 2)


def uuid_id() -> str:
    """A UUID, as events have."""
    return str(uuid.uuid4())
