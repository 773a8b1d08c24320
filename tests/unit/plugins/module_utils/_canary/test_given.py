# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import given, number, only_given, whole


@pytest.mark.parametrize("nothing", [None, "", "  ", [], {}, ()])
def test_what_a_survey_sends_for_nothing_is_not_given(nothing: Any) -> None:
    assert given(nothing) is None
    assert given(nothing, 60) == 60


@pytest.mark.parametrize("value", [0, 0.0, False, "0", "25", ["a"]])
def test_zero_and_false_are_given(value: Any) -> None:
    assert given(value, 60) == value


def test_only_what_was_given_is_left() -> None:
    assert only_given({"cpu": "", "memory": 512, "image": None, "min": 0}) == {"memory": 512, "min": 0}


@pytest.mark.parametrize(("text", "value"), [("25", 25.0), (" 0.5 ", 0.5), (12, 12.0)])
def test_numbers_come_as_strings_too(text: Any, value: float) -> None:
    assert number(text, "percent") == value


@pytest.mark.parametrize("text", ["a quarter", "25%", "1,5"])
def test_what_is_no_number_is_named(text: str) -> None:
    with pytest.raises(CanaryError, match="percent"):
        number(text, "percent")


@pytest.mark.parametrize("text", ["2.5", "two", "-1", "true"])
def test_what_is_no_count_is_named(text: str) -> None:
    with pytest.raises(CanaryError, match="park_min"):
        whole(text, "park_min")


def test_counts_come_as_strings_too() -> None:
    assert whole(" 4 ", "park_max") == 4
