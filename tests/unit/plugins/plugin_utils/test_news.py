# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.canary.ecs.plugins.plugin_utils._news import PATIENCE, News

LINE = "cart: {healthy} of 3 targets healthy ({seconds} s of 600 s)\n"


def text(*lines: tuple[int, int]) -> str:
    return "".join(LINE.format(healthy=healthy, seconds=seconds) for healthy, seconds in lines)


def test_a_change_is_shown_at_once_and_the_same_from_time_to_time() -> None:
    news = News()
    assert news.of(text((1, 0)), now=0) == text((1, 0)).strip()
    assert news.of(text((1, 0), (1, 2)), now=2) == ""
    assert news.of(text((1, 0), (1, 2), (2, 4)), now=4) == text((2, 4)).strip()
    assert news.of(text((2, 6)), now=4 + PATIENCE - 1) == ""
    assert news.of(text((2, 20)), now=4 + PATIENCE) == text((2, 20)).strip()


@pytest.mark.parametrize("unfinished", ["", "cart: 1 of", "cart: 1 of 3 targets healthy (0 s"])
def test_half_a_line_waits_for_its_end(unfinished: str) -> None:
    assert News().of(unfinished, now=0) == ""
    assert News().of(text((1, 0)) + unfinished, now=0) == text((1, 0)).strip()
