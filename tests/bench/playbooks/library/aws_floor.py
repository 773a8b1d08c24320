# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AnsibleAWSModule that does nothing and makes no client: no module of this class can be quicker."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def main() -> None:
    AnsibleAWSModule(argument_spec={}).exit_json(changed=False)


if __name__ == "__main__":
    main()
