# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The previous release: the one that stable had before its last promotion, so that it can have it again.

ECS tells it only for as long as the deployment lasts. So stable itself remembers, in three tags: the previous release,
the one that took its place, and that of the canary which it was made from, for a promotion of images makes one of
stable's own. Once it runs any other release than the second one, they mean nothing.
"""

from __future__ import annotations

from ansible_collections.canary.ecs.plugins.module_utils._canary.tags import LONGEST_VALUE, Tags, remembered

PREVIOUS = "canary.ecs:previous-release"
PROMOTED_TO = "canary.ecs:promoted-to"
PROMOTED_FROM = "canary.ecs:promoted-from"

KEYS = (PREVIOUS, PROMOTED_TO, PROMOTED_FROM)


def to_remember(previous: str, since: str, canary: str) -> dict[str, str]:
    """The tags, from the ARNs of task definitions; none where a tag cannot hold one of them."""
    arns = (previous, since, canary)
    return {} if max(map(len, arns)) > LONGEST_VALUE else dict(zip(KEYS, arns, strict=True))


def previous_release(tags: Tags, *, live: str | None) -> str | None:
    """The task definition that stable had before it was given the one that is live; None where it is not known."""
    return _of_live(tags, PREVIOUS, live)


def promoted_from(tags: Tags, *, live: str | None) -> str | None:
    """The canary's task definition that the live one of stable was promoted from; None where it is not known."""
    return _of_live(tags, PROMOTED_FROM, live)


def _of_live(tags: Tags, key: str, live: str | None) -> str | None:
    """What a tag has, as long as the release is live that the tags are of."""
    return remembered(tags, key) if live and remembered(tags, PROMOTED_TO) == live else None


def to_restore(tags: Tags, *, live: str) -> str | None:
    """The release that stable is to have again: `previous_release`, or the live one where it has it again already."""
    previous = remembered(tags, PREVIOUS)
    return previous if live in (previous, remembered(tags, PROMOTED_TO)) else None
