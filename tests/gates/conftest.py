# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every gate works on: the files that git tracks, as the collection tree that Ansible's tools ask for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lab.checkout import CHECKOUT
from tests.tools import collections_folder, run, tracked


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git tracks, as ``ansible_collections/canary/ecs`` beside amazon.aws; each module of gates has its own.

    So is awx.awx there, which one playbook of a pattern uses.
    """
    root = collections_folder(tmp_path_factory.mktemp("tree"), awx=True)
    collection = root / "ansible_collections" / "canary" / "ecs"
    for name in tracked():
        (collection / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, collection / name)
    return collection


@pytest.fixture(scope="module")
def passes(tree: Path) -> Callable[..., str]:
    """`run`, in the collection tree."""
    return partial(run, cwd=tree, ANSIBLE_COLLECTIONS_PATH=str(tree.parents[2]))
