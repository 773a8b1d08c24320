# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab.

    python -m lab up            start it; returns when the AWS endpoint answers
    eval "$(python -m lab env)" send this shell's AWS clients to it
    python -m lab status        what it holds
    python -m lab traffic URL   requests at a fixed rate, and what became of them
    python -m lab fault ...     let API calls fail: add KIND, list, clear
    python -m lab down          end it; leaves no process and no file

Exit status: 0; 1 with the reason on standard error, or from ``traffic`` 1 when a request failed; 2 for bad arguments.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

from lab import lifecycle
from lab.addresses import NoNumberLeft
from lab.client import add_fault, clear_faults, faults_of
from lab.control.settings import METRICS_PERIOD
from lab.faults.fault_set import KINDS
from lab.state import LabError
from lab.traffic.report import Sample, summarise

UNSET = ("AWS_PROFILE", "AWS_SESSION_TOKEN")
"""What a shell may hold for its real account and must not mix with the lab's settings."""


def up(options: argparse.Namespace) -> int:
    """Start the lab."""
    lab = lifecycle.up(options.name, propagation_delay=options.propagation_delay, metrics_period=options.metrics_period)
    name = "" if lab.name == lifecycle.NAME else f" --name {lab.name}"
    print(f'The lab {lab.name} answers at {lab.endpoint}\nNext: eval "$(python -m lab env{name})"')
    return 0


def env(options: argparse.Namespace) -> int:
    """Print what to eval."""
    print(f"unset {' '.join(UNSET)}")
    for name, value in lifecycle.find(options.name).environment.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def status(options: argparse.Namespace) -> int:
    """Print what the lab holds."""
    from lab.status import describe  # noqa: PLC0415 (boto3 is slow to import: the other commands do without)

    print(describe(lifecycle.find(options.name)))
    return 0


def traffic(options: argparse.Namespace) -> int:
    """Send requests from this process."""
    from lab.traffic.generator import Generator  # noqa: PLC0415 (aiohttp is slow to import)

    samples: list[Sample] = []
    generator = Generator(
        options.url, rate=options.rate, timeout=options.timeout, note=samples.append, visitors=options.visitors
    )
    since = time.monotonic()
    try:
        asyncio.run(generator.run(options.seconds))
    except KeyboardInterrupt:
        pass
    report = summarise(samples, since=since, until=time.monotonic())
    print(report)
    return 1 if report.failed else 0


def fault(options: argparse.Namespace) -> int:
    """Change what is set as asked, and print what is set then."""
    lab = lifecycle.find(options.name)
    if options.what == "add":
        chosen = {name: getattr(options, name) for name in ("operation", "service", "calls", "share", "seconds")}
        add_fault(lab, options.kind, **{name: value for name, value in chosen.items() if value is not None})
    elif options.what == "clear":
        clear_faults(lab)
    print("\n".join(map(_fault, faults_of(lab))) or f"No fault is set in the lab {lab.name}")
    return 0


def _fault(found: dict[str, Any]) -> str:
    """One fault in a line."""
    numbers = ", ".join(map(str, found["calls"]))
    chosen = f"call {numbers}" if numbers else f"{100 * found['share']:g} % of the calls"
    delay = f" by {found['seconds']:g} s" if found["kind"] == "latency" else ""
    held = f", holds {found['held']}" if found["held"] else ""
    return f"{found['kind']}{delay}: {chosen} to {found['service']} {found['operation']}; hit {found['hits']}{held}"


def down(options: argparse.Namespace) -> int:
    """End the lab."""
    print(f"The lab {options.name} is down" if lifecycle.down(options.name) else f"No lab {options.name} was up")
    return 0


def http_url(text: str) -> str:
    """A URL that requests can be sent to."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text} is not a URL such as http://127.1.1.1:8080/")
    return text


def positive(text: str) -> float:
    """A number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def whole(text: str) -> int:
    """A whole number of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 0 or more")
    return int(text)


def counted(text: str) -> int:
    """A whole number of 1 or more."""
    if not whole(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return int(text)


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1, such as 0.3")
    return value


def not_negative(text: str) -> float:
    """A number of 0 or more."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of 0 or more")
    return value


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    found = argparse.ArgumentParser(
        prog="python -m lab", description="AWS on this machine, to practise a canary release on."
    )
    commands = found.add_subparsers(required=True, metavar="COMMAND")

    def add(work: Callable[[argparse.Namespace], int], summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(work.__name__, help=summary, description=summary)
        command.set_defaults(work=work)
        return command

    starting = add(up, "start the lab; return when its AWS endpoint answers")
    starting.add_argument(
        "--propagation-delay",
        type=not_negative,
        default=lifecycle.PROPAGATION_DELAY,
        metavar="SECONDS",
        help="how long after the API accepted it a weight takes effect (default: %(default)g)",
    )
    starting.add_argument(
        "--metrics-period",
        type=float,
        choices=(5.0, 10.0, 30.0, 60.0),
        default=METRICS_PERIOD,
        metavar="SECONDS",
        help="how much time a datapoint of a load balancer covers: 5, 10, 30 or, as on AWS, 60 (default: %(default)g)",
    )
    named = [
        starting,
        add(env, "print the shell commands that send AWS clients to the lab"),
        add(status, "show load balancers, splits, targets and services"),
        add(down, "end the lab; leave no process and no file"),
    ]
    for command in named:
        command.add_argument("--name", default=lifecycle.NAME, help="which lab (default: %(default)s)")
    _fault_options(add(fault, "let API calls fail, or be slow, stale or held"))
    _traffic_options(add(traffic, "send requests at a fixed rate and report who answered"))
    return found


KINDS_HELP = """\
kinds:
  throttle      refused with the service's own code for too many requests
  error         refused with a server error (500)
  reset-before  the connection breaks, and the call has no effect
  reset-after   the call takes effect, and the connection breaks before the answer
  latency       answered after --seconds
  stale         a call that reads gets the answer that it got last time
  hold-before   waits, without effect yet, until `fault clear` or until its client hangs up
  hold-after    takes effect, then waits likewise before the answer

examples:
  python -m lab fault add throttle --share 0.3
  python -m lab fault add reset-after --operation ModifyRule --call 1
  python -m lab fault clear
"""


def _fault_options(command: argparse.ArgumentParser) -> None:
    """The options of ``fault``: one command each for adding, listing and clearing."""
    whats = command.add_subparsers(required=True, dest="what", metavar="WHAT")
    adding = whats.add_parser(
        "add",
        help="set one more fault",
        epilog=KINDS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    adding.add_argument("kind", metavar="KIND", choices=KINDS, help=f"what happens: {', '.join(KINDS)}")
    adding.add_argument("--operation", metavar="PATTERN", help="to which calls: ModifyRule, Describe* (default: all)")
    adding.add_argument(
        "--service", metavar="PATTERN", help="by signing name: ecs, elasticloadbalancing (default: all)"
    )
    which = adding.add_mutually_exclusive_group()
    which.add_argument(
        "--call",
        dest="calls",
        type=counted,
        action="append",
        metavar="NUMBER",
        help="only to this one of the matching calls, from 1 and from now; may be given again",
    )
    which.add_argument("--share", type=fraction, metavar="PART", help="to this part of them, 0 to 1 (default: 1)")
    adding.add_argument("--seconds", type=not_negative, help="how long a latency lasts (default: 1)")
    for each in (
        adding,
        whats.add_parser("list", help="show what is set, and how often it hit"),
        whats.add_parser("clear", help="take all away"),
    ):
        each.add_argument("--name", default=lifecycle.NAME, help="which lab (default: %(default)s)")


def _traffic_options(command: argparse.ArgumentParser) -> None:
    """The options of ``traffic``."""
    command.add_argument("url", metavar="URL", type=http_url)
    command.add_argument("--rate", type=positive, default=200, help="requests a second (default: %(default)g)")
    command.add_argument(
        "--for", type=positive, dest="seconds", metavar="SECONDS", help="until interrupted, if not given"
    )
    command.add_argument(
        "--timeout", type=positive, default=10, help="seconds to wait for a response (default: %(default)g)"
    )
    command.add_argument(
        "--visitors",
        type=whole,
        default=0,
        metavar="COUNT",
        help="as many clients take turns and keep their cookies (default: a new client each time)",
    )


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit."""
    options = parser().parse_args(arguments)
    try:
        code = options.work(options)
        sys.stdout.flush()
        sys.exit(code)
    except (LabError, NoNumberLeft) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except BrokenPipeError:
        # Whoever read this has seen enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
