# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make policies`: run every playbook on a lab, and write a policy of what it used."""

from __future__ import annotations

from lab import lifecycle
from tests.application import Application
from tests.permissions import stack
from tests.permissions.policies import FOLDER, as_text, rendered
from tests.permissions.recording import QUICK, Recording, life


def main() -> None:
    """Write docs/policies anew."""
    stack.write()
    with lifecycle.own("policies") as lab:
        recording = Recording(Application(lab, {"stack_name": "policies", **QUICK}))
        life(recording, lambda _playbook: lab)
    for playbook, used in recording.used.items():
        (FOLDER / f"{playbook}.json").write_text(as_text(rendered(used)), encoding="utf-8")


if __name__ == "__main__":
    main()
