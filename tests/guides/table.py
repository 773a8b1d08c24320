# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the examples of the guides need to run on the lab: all that differs from what a reader types is in here."""

from __future__ import annotations

import re

# Guides that follow each other on one lab.
STAGES: dict[str, list[str]] = {
    "readme": ["README.md"],
    "first-canary": ["docs/first-canary.md"],
    "existing-services": ["docs/existing-services.md", "docs/permissions.md", "roles/canary/README.md"],
    "stack": ["docs/stack.md"],
    "rollback": ["docs/rollback.md", "docs/troubleshooting.md"],
    "from-the-scripts": ["docs/from-the-scripts.md"],
    "lab": ["docs/lab.md"],
}

# The cluster and services of the reader's own that they name, where not those in the first line.
CART = ("shop", "cart", "cart-canary")
SERVICES: dict[str, tuple[str, str, str] | None] = {
    "from-the-scripts": ("preprod-cluster", "cart-primary-service", "cart-canary-service"),
    # Its stack has the name of that cluster.
    "first-canary": None,
}

# The variables of every playbook, where the example does not set them itself: short waits.
SETTINGS: dict[str, object] = {
    "listener_port": 8080,
    "health_interval": 5,
    "health_timeout": 2,
    "deregistration_delay": 1,
    "propagation_delay": 0,
    "metric_delay": 0,
    "return_step": 50,
    "return_interval": 0,
}

# What stands for something of the reader's, and what it is on the stage. Words in braces are the stage's own names.
PLACEHOLDERS: dict[str, str] = {
    "eu-central-1": "us-east-1",
    "ap-south-1": "us-east-1",
    "ADDRESS/": "$(aws cloudformation describe-stacks --stack-name shop --output text "
    "--query \"Stacks[0].Outputs[?OutputKey=='Url'].OutputValue\")/",
    "--rule-arn RULE ": "--rule-arn {rule} ",
    "STABLE_GROUP": "{stable_group}",
    "CANARY_GROUP": "{canary_group}",
    "arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener-rule/app/NAME/ID/ID/ID": "{rule}",
    "stable_image=... -e canary_image=...": "stable_image=shop:v1 -e canary_image=shop:v2",
    "stable_weight=S -e canary_weight=C": "stable_weight=3 -e canary_weight=1",
    "../.venv/bin/": "",
    # Fewer steps, and no wait between them.
    "step=10 -e interval=120": "step=50 -e interval=0",
    "canary_step: 5": "canary_step: 20",
    "canary_interval: 600": "canary_interval: 0",
    # Until interrupted.
    "python -m lab traffic URL ": "python -m lab traffic {url} --for 2 ",
}

_DEPLOYED = "ansible-playbook canary.ecs.deploy -e stable_image=shop:v1 -e canary_image=shop:v2"
_LAB_IS_UP = 'python -m lab up; eval "$(python -m lab env)"'
_CART = "printf 'cluster: shop\\nstable_service: cart\\ncanary_service: cart-canary\\n' > cart.yml"

# What a reader has done before, by the beginning of the example.
BEFORE: dict[str, str] = {
    "README.md: cd playbooks && ../.venv/bin/ansible-playbook canary.yml": _DEPLOYED,
    "docs/existing-services.md: - name: Release the cart": (
        "printf '#!/bin/sh\\nexit 1\\n' > is-the-cart-well; chmod +x is-the-cart-well"
    ),
    "docs/permissions.md: installed=": (
        "aws iam create-role --role-name release-cart --assume-role-policy-document '{}'"
    ),
    "docs/rollback.md: ansible-playbook canary.ecs.rollback\n": _DEPLOYED,
    "docs/rollback.md: ansible-playbook canary.ecs.rollback -e @cart.yml": _CART,
    "docs/rollback.md: ansible-playbook canary.ecs.rollback -e restore=true": (
        "ansible-playbook canary.ecs.canary -e percent=100 && ansible-playbook canary.ecs.promote"
    ),
    "docs/from-the-scripts.md: ansible-playbook canary.ecs.promote\n": (
        f"{_DEPLOYED} -e percent=0 && ansible-playbook canary.ecs.canary -e percent=100"
    ),
    "docs/lab.md: ansible-playbook deploy.yml": f"{_LAB_IS_UP}; cd playbooks",
    "docs/lab.md: aws ecs describe-services": (
        "ansible-playbook deploy.yml -e stable_image=shop:v1 -e canary_image=shop:v2-errors20 -e listener_port=8080"
    ),
}

# What is not run, as a regular expression of the whole example, line by line, and why.
NOT_RUN: dict[str, str] = {
    r"((time )?make\b.*\n?)+": "targets of the Makefile: tests/gates holds that they exist, and CI runs most",
    r"ansible-galaxy collection build": "tests/gates/test_package.py builds the tarball",
    r"ansible-galaxy collection install amazon\.aws canary-ecs-[\d.]+\.tar\.gz": (
        "wants Galaxy for amazon.aws: tests/gates/test_package.py installs the tarball without it"
    ),
    r"ansible-galaxy collection build\nansible-galaxy collection install amazon\.aws canary-.*\npip install boto3": (
        "wants Galaxy and PyPI: tests/gates/test_package.py builds the tarball, and installs it without them"
    ),
    r"ansible-galaxy collection install awx\.awx": "wants Galaxy",
    r"python3 canary\.py .*( \\\n .*)*|\./deploy\.sh .*": "the scripts that a reader comes from, which are not ours",
    r"ansible-galaxy collection build\nansible-builder build .* \\\n .*\npodman push .*": (
        "wants a container engine and a registry: tests/awx/test_environment.py has ansible-builder create it"
    ),
    r"# shop-awx\.yml(\n.+)+": "wants an AWX: tests/awx applies it to an imitation",
    r"pattern=~/\.ansible/collections/.*\nexport CONTROLLER_HOST=.*\nansible-playbook .*/apply\.yml\" .*": (
        "wants an AWX: tests/awx applies it to an imitation"
    ),
    r"ansible-galaxy collection install awx\.awx\nexport CONTROLLER_HOST=.*\nansible-playbook apply\.yml .*": (
        "wants Galaxy and an AWX: tests/awx applies it to an imitation"
    ),
    r"\.venv/bin/python -m tests\.versions .*": "`make versions`, which takes longer than all of this",
    r"\.venv/bin/pre-commit install": "changes the checkout's git: tests/gates/test_habits.py reads its configuration",
    r"\.venv/bin/antsibull-changelog release": "changes the checkout: tests/gates tries a release on a copy",
}


def reason_not_to_run(text: str) -> str | None:
    """The pattern of `NOT_RUN` that an example is listed by, None for one that is run."""
    return next((pattern for pattern in NOT_RUN if re.fullmatch(pattern, text)), None)
