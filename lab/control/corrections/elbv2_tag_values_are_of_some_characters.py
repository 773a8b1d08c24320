# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of a tag has letters, separators, digits and few other characters: ``^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$``.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Tag.html
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud

OTHERS = "_.:/=+-@"


def correct(cloud: Cloud, moto: Patches) -> None:
    """Check before anything is made; moto takes every value."""

    def create(original: Any, backend: ELBv2Backend, *args: Any, **kwargs: Any) -> Any:
        _check(kwargs.get("tags") or [])
        return original(backend, *args, **kwargs)

    def add(original: Any, backend: ELBv2Backend, resource_arns: list[str], tags: list[dict[str, str]]) -> Any:
        _check(tags)
        return original(backend, resource_arns, tags)

    moto.wrap(ELBv2Backend, "create_load_balancer", create)
    moto.wrap(ELBv2Backend, "create_target_group", create)
    moto.wrap(ELBv2Backend, "add_tags", add)


def _check(tags: Iterable[Mapping[str, str]]) -> None:
    for index, tag in enumerate(tags, start=1):
        value = str(tag.get("Value") or "")
        if any(unicodedata.category(each)[0] not in "LZN" and each not in OTHERS for each in value):
            raise ELBClientError(
                "ValidationError",
                f"1 validation error detected: Value '{value}' at 'tags.{index}.member.value' failed to satisfy "
                r"constraint: Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$",
            )
