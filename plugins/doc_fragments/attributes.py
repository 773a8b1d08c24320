# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that all modules of this collection declare."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
requirements:
  - boto3 >= 1.40.0
  - botocore >= 1.40.0
attributes:
  check_mode:
    description: Runs the same reading and deciding, returns the same keys, and changes nothing.
    support: full
  diff_mode:
    description: Returns what was there before and what is (or would be) there after.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
  action_group:
    description: Takes its connection options from C(module_defaults) for this group.
    support: full
    membership:
      - canary.ecs.aws
"""
    # For modules that only read.
    INFO = r"""
options: {}
requirements:
  - boto3 >= 1.40.0
  - botocore >= 1.40.0
attributes:
  check_mode:
    description: Reads only, so it does the same in check mode; but it waits for nothing.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: N/A
  idempotent:
    description: Reads only.
    support: full
  action_group:
    description: Takes its connection options from C(module_defaults) for this group.
    support: full
    membership:
      - canary.ecs.aws
"""
