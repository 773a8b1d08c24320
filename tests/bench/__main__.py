# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure, print, and write docs/measurements.md: ``make bench``, on a machine with nothing else to do."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

from ansible_collections.amazon.aws.plugins.module_utils.common import AMAZON_AWS_COLLECTION_VERSION

from lab.checkout import CHECKOUT
from tests.bench.deployed import BenchFailed, deployed
from tests.bench.measure import measure
from tests.bench.page import page

PAGE = CHECKOUT / "docs" / "measurements.md"


def machine() -> str:
    """What it was measured on and with."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("ansible-core", "boto3", "awscli"))
    return (
        f"{os.cpu_count()} cores with Python {platform.python_version()}, amazon.aws {AMAZON_AWS_COLLECTION_VERSION}, "
        f"{packages}"
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="how many runs of each (default: %(default)s)")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write (default: docs/measurements.md)")
    options = parser.parse_args()
    began = time.monotonic()
    try:
        with deployed() as ready:
            results = measure(ready, options.runs)
    except BenchFailed as failure:
        sys.exit(f"error: {failure}")
    text = page(results, rounds=options.runs, machine=machine())
    options.page.write_text(text)
    print(f"{text}\nWritten to {options.page} after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
