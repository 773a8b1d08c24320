# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release stable had before its last promotion, so that it can have it back.

ECS tells it only for as long as the deployment lasts. So stable itself remembers, in two tags: the release before, and
the one that took its place. Once it runs any other release than that one, they mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

BEFORE = "canary.ecs:release-before"
PROMOTED_TO = "canary.ecs:promoted-to"

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html
LONGEST_VALUE = 256


def to_remember(before: str, since: str) -> dict[str, str]:
    """The tags, from the ARNs of two task definitions; none where a tag cannot hold the ARN."""
    return {} if max(len(before), len(since)) > LONGEST_VALUE else {BEFORE: before, PROMOTED_TO: since}


def release_before(tags: Iterable[Mapping[str, str]], *, live: str | None) -> str | None:
    """The task definition that stable had before it was given the one that is live; None where it is not known."""
    before, since = _remembered(tags)
    return before if live and since == live else None


def to_take_back(tags: Iterable[Mapping[str, str]], *, live: str) -> str | None:
    """The release that stable is to have again: `release_before`, or the live one where it has it again already."""
    before, since = _remembered(tags)
    return before if live in (before, since) else None


def _remembered(tags: Iterable[Mapping[str, str]]) -> tuple[str | None, str | None]:
    known = {tag.get("key"): tag.get("value") for tag in tags}
    return known.get(BEFORE), known.get(PROMOTED_TO)
