# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows what canary.ecs.ecs_canary_stack_info waits for."""

from __future__ import annotations

from ansible_collections.canary.ecs.plugins.plugin_utils._watched import ActionModule

__all__ = ["ActionModule"]
