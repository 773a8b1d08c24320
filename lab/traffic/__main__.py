# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process behind `lab.traffic.Traffic`: ``python -m lab.traffic URL RATE TIMEOUT VISITORS``.

It writes a line of JSON for each request (``[sent, version, status, reason, latency]``), and now and then the moment up
to which all requests have ended.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Sequence

from lab.traffic.generator import Generator
from lab.traffic.report import Sample

SETTLING = 0.1
"""Seconds between two reports of that moment."""


def _print(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


async def _tell_settled(generator: Generator) -> None:
    """Say again and again up to when all requests have ended."""
    while True:
        _print(generator.settled())
        sys.stdout.flush()
        await asyncio.sleep(SETTLING)


async def generate(url: str, *, rate: float, timeout: float, visitors: int) -> None:
    """Send until SIGTERM or SIGINT, and report on standard output."""

    def note(sample: Sample) -> None:
        _print([sample.sent, sample.version, sample.status, sample.reason, sample.latency])

    generator = Generator(url, rate=rate, timeout=timeout, note=note, visitors=visitors)
    sending, telling = asyncio.create_task(generator.run()), asyncio.create_task(_tell_settled(generator))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, sending.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await sending
    telling.cancel()
    _print(generator.settled())
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the generator; `Traffic` calls it."""
    parser = argparse.ArgumentParser(prog="python -m lab.traffic", description="The load generator's process.")
    parser.add_argument("url")
    parser.add_argument("rate", type=float)
    parser.add_argument("timeout", type=float)
    parser.add_argument("visitors", type=int)
    asyncio.run(generate(**vars(parser.parse_args(arguments))))


if __name__ == "__main__":
    main()
