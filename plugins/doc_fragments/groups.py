# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the two groups of a canary are named."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  cluster:
    description:
      - The ECS cluster of both services, by name or ARN.
      - Required with O(stable_service).
    type: str
  stable_service:
    description:
      - The ECS service that serves, by exact name or ARN. Its target groups and those of O(canary_service) are looked
        up, and the pair that rules forward to is the one used.
      - One of O(stable_service) and O(stable_target_group) is required.
    type: str
    aliases: [primary_service]
  canary_service:
    description:
      - The ECS service on trial, by exact name or ARN.
      - Required with O(stable_service).
    type: str
  stable_target_group:
    description:
      - The target group of the stable service, by ARN or exact name. ARNs save one API call.
      - One of O(stable_service) and O(stable_target_group) is required.
    type: str
    aliases: [primary_target_group]
  canary_target_group:
    description:
      - The target group of the canary service, by ARN or exact name.
      - Required with O(stable_target_group).
    type: str
  rules:
    description:
      - ARNs of listener rules, or of listeners. No other rule counts as one of the canary's.
      - Without it, all rules of all listeners of the load balancers that have both target groups are looked at.
    type: list
    elements: str
"""
