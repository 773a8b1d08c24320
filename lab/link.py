# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the checkout where this environment's Ansible looks for collections.

The ``ansible`` package keeps its collections in ``site-packages/ansible_collections``; a link named
``canary/ecs`` beside them makes every playbook of this environment find the collection as it is edited.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

from lab.checkout import CHECKOUT


def main() -> None:
    """Make the link, or point it at this checkout where it pointed at another."""
    collections = Path(sysconfig.get_path("purelib")) / "ansible_collections"
    link = collections / "canary" / "ecs"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(CHECKOUT, target_is_directory=True)


if __name__ == "__main__":
    main()
