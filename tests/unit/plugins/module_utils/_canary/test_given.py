# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import (
    given,
    number,
    only_given,
    refuse_blank,
    refuse_booleans,
    refuse_negative,
    whole,
)


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


SPEC = {
    "percent": {"type": "float"},
    "wait": {"type": "bool"},
    "weights": {"type": "dict", "options": {"stable": {"type": "int", "aliases": ["primary"]}}},
}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"percent": True}, "percent is true"),
        ({"percent": False}, "percent is false"),
        ({"weights": {"stable": True}}, r"weights\.stable is true"),
        ({"weights": {"primary": True}}, r"weights\.primary is true"),
    ],
)
def test_true_is_not_one(options: dict[str, Any], said: str) -> None:
    with pytest.raises(CanaryError, match=said):
        refuse_booleans(SPEC, options)


@pytest.mark.parametrize("options", [{}, {"percent": 1, "wait": True}, {"weights": {"stable": 0}}, {"weights": "x"}])
def test_numbers_and_switches_pass(options: dict[str, Any]) -> None:
    refuse_booleans(SPEC, options)


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_a_name_that_is_empty_is_named(nothing: Any) -> None:
    with pytest.raises(CanaryError, match="service is empty"):
        refuse_blank({"cluster": "shop", "service": nothing}, "cluster", "service")


@pytest.mark.parametrize(("seconds", "said"), [(None, "wait_timeout is empty"), (-1, "wait_timeout is -1")])
def test_a_wait_that_cannot_be(seconds: int | None, said: str) -> None:
    refuse_negative(0, "wait_timeout")
    with pytest.raises(CanaryError, match=said):
        refuse_negative(seconds, "wait_timeout")
