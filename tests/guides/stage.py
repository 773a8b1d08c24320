# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the examples run: a lab, two services of the reader's own on it, and a folder that looks like a checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from lab.checkout import CHECKOUT
from lab.playbooks import BINARIES, environment
from lab.state import Lab
from tests.handmade import NOT_FOUND, Handmade, forward

BORROWED = ("docs", "lab", "playbooks", "roles")
OWN_LABS = ".labs"


@dataclass
class Stage(Handmade):
    """The lab of one or more guides; ``names`` has what `Stage.pair` made, for their placeholders."""

    names: dict[str, str] = field(default_factory=dict)

    def pair(self, cluster: str, stable: str, canary: str) -> None:
        """Two services whose groups share a listener's rule, and a rule that knows the stable one alone."""
        vpc, subnets = self.network()
        groups = {name: self.group(name, vpc, drains=1) for name in (stable, canary)}
        balancer = self.client("elbv2").create_load_balancer(Name=cluster, Subnets=subnets)["LoadBalancers"][0]
        listener = self.listener(balancer["LoadBalancerArn"], 8080, NOT_FOUND)
        shared = self.rule(listener, 10, "/*", forward({groups[stable]: 100, groups[canary]: 0}))
        alone = self.rule(listener, 5, "/cart*", forward({groups[stable]: 100}))
        self.client("ecs").create_cluster(clusterName=cluster)
        for name, version in ((stable, "v1"), (canary, "v2")):
            self.service(cluster, name, f"cart:{version}", groups[name], subnets)
            self.scalable(cluster, name, 2, 8)
        self.names.update(
            url=f"http://{balancer['DNSName']}:8080",
            listener=listener,
            shared_rule=shared,
            rule=alone,
            stable_group=groups[stable],
            canary_group=groups[canary],
        )
        self.until_healthy(*groups.values())


@dataclass(frozen=True)
class Desk:
    """A reader's folder and shell: the folders of a checkout are there, and each playbook runs with ``settings``."""

    folder: Path
    lab: Lab

    @classmethod
    def of(cls, folder: Path, lab: Lab, settings: dict[str, object]) -> Desk:
        """Set one up in an empty folder."""
        for name in BORROWED:
            (folder / name).symlink_to(CHECKOUT / name)
        (folder / ".bin").mkdir()
        (folder / ".settings.json").write_text(json.dumps(settings))
        (folder / OWN_LABS).mkdir(mode=0o700)
        playbook = folder / ".bin" / "ansible-playbook"
        playbook.write_text(f'#!/bin/sh\nexec {BINARIES}/ansible-playbook -e @{folder}/.settings.json "$@"\n')
        playbook.chmod(0o755)
        return cls(folder, lab)

    def run(self, script: str, *, timeout: float = 2400, **more: str) -> subprocess.CompletedProcess[str]:
        """Have bash run it, to the first command that fails."""
        own = environment(self.lab)
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env={
                **own,
                "PATH": f"{self.folder / '.bin'}:{own['PATH']}",
                "PYTHONPATH": str(CHECKOUT),
                # Labs that the reader brings up have the names that they have in the guide, and nobody else's.
                "XDG_RUNTIME_DIR": str(self.folder / OWN_LABS),
                "AWS_PAGER": "",
                **more,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def leave(self) -> None:
        """End the labs that the reader brought up, and did not take down."""
        for state in (self.folder / OWN_LABS).glob("*/*/lock"):
            ended = self.run(f"{sys.executable} -m lab down --name {state.parent.name}")
            assert ended.returncode == 0, ended.stdout
