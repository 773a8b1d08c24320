# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the website: ``python docs/docsite/build.py FOLDER`` writes it to FOLDER/html.

Its pages are the guides as they are in the repository, in the same folders so that their links hold, and the reference
that antsibull-docs generates from the modules, the role and the filters. A warning of either tool is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
COLLECTION = HERE.parents[1]
GUIDES = ["README.md", "CONTRIBUTING.md", "docs/*.md", "roles/canary/README.md"]
SHOWN = ["docs/*.svg", "docs/policies/*.json", "roles/canary/files/*"]


def gather(pages: Path) -> None:
    """Copy the guides, and what they show, to where they are in the repository."""
    for pattern in GUIDES + SHOWN:
        for found in COLLECTION.glob(pattern):
            copy = pages / found.relative_to(COLLECTION)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, copy)
    shutil.copyfile(HERE / "index.md", pages / "index.md")


def run(*command: str | Path) -> None:
    """Run a tool of the environment that this Python is of; one that fails has said why."""
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    done = subprocess.run(command, env={**os.environ, "PATH": path}, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} exited {done.returncode}")


def shorten_titles(index: Path) -> None:
    """Name the pages of the reference by their plugin alone where a menu lists them."""
    listed = re.sub(r"^    ((\w+)_(?:module|filter|role))$", r"    \2 <\1>", index.read_text(), flags=re.MULTILINE)
    index.write_text(listed)


def build(folder: Path) -> None:
    """Make all of it anew."""
    shutil.rmtree(folder, ignore_errors=True)
    pages, reference = folder / "pages", folder / "pages" / "reference"
    reference.mkdir(parents=True)
    gather(pages)
    generated = ["--use-current", "--fail-on-error", "--squash-hierarchy", "--dest-dir", str(reference)]
    run("antsibull-docs", "collection", *generated, "canary.ecs")
    shorten_titles(reference / "index.rst")
    run("sphinx-build", "-q", "-W", "--keep-going", "-c", HERE, pages, folder / "html")


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve())
