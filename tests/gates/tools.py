# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the guides' tests still look for what is in `tests.tools`."""

from __future__ import annotations

from tests.tools import tracked

__all__ = ["tracked"]
