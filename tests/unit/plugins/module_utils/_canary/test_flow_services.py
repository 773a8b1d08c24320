# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.flow_services import named_services, services_of

NAMED = {"cluster": "shop", "stable_service": "cart", "canary_service": "cart-canary"}


def test_services_are_named_all_or_none() -> None:
    assert named_services({**NAMED, "percent": 25}) == NAMED
    assert named_services({"cluster": "", "stable_service": None, "percent": 25}) == {}


@pytest.mark.parametrize("missing", NAMED)
def test_a_missing_name_is_told(missing: str) -> None:
    with pytest.raises(CanaryError, match=f"{missing}.* missing"):
        named_services({**NAMED, missing: ""})


def test_services_come_from_the_outputs_of_the_stack() -> None:
    outputs = {"Cluster": "shop", "StableService": "cart", "CanaryService": "cart-canary", "Url": "http://x"}
    assert services_of({"stack_outputs": outputs}, stack_name="shop") == NAMED


@pytest.mark.parametrize(
    ("stack", "says"),
    [
        (None, "no stack shop"),
        ({"stack_outputs": {}, "stack_description": {"stack_status": "CREATE_IN_PROGRESS"}}, "CREATE_IN_PROGRESS"),
        ({"stack_outputs": {"Cluster": "shop"}}, "no output StableService or CanaryService"),
        ({}, "no output Cluster"),
    ],
)
def test_a_stack_without_services_says_the_way_out(stack: dict[str, Any] | None, says: str) -> None:
    with pytest.raises(CanaryError, match=says) as error:
        services_of(stack, stack_name="shop")
    assert "stack_name" in str(error.value)
    assert "canary_service" in str(error.value)
