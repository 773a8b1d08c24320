# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's tags, in which it remembers what nobody else does: whether it can have some, and what they say.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Tags = Iterable[Mapping[str, str]]

LONGEST_VALUE = 256


def can_remember(service_arn: str) -> bool:
    """Whether a service can have tags: those whose ARN has the old form, without the cluster, cannot."""
    return service_arn.count("/") > 1


def remembered(tags: Tags, key: str) -> str | None:
    """The value of a tag; None where the service does not have it."""
    return next((tag.get("value", "") for tag in tags if tag.get("key") == key), None)
