# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of one lab: a number between 1 and 254, and with it the network 127.NUMBER.0.0/16.

A number is claimed machine-wide by an abstract Unix socket. Its name lives exactly as far as the loopback addresses
do (one network namespace), the kernel gives it back when the lab dies, however it dies, and no file is left behind.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CONTROL_PLANE_PORT = 4566
NUMBERS = range(1, 255)


class NoNumberLeft(Exception):
    """Every lab number of this machine is taken."""


def _hosts(first: int, last: int, network: str) -> Iterator[str]:
    """The addresses ``network``.first.1 to ``network``.last.254, again and again: the one used last comes back last."""
    return itertools.cycle(
        f"{network}.{third}.{fourth}" for third in range(first, last + 1) for fourth in range(1, 255)
    )


class Network:
    """Hands out the addresses of lab ``number``: the control plane, its load balancers, its tasks."""

    def __init__(self, number: int) -> None:
        if number not in NUMBERS:
            raise ValueError(f"a lab number is {NUMBERS[0]} to {NUMBERS[-1]}, not {number}")
        self.number = number
        self._load_balancers = _hosts(1, 1, f"127.{number}")
        self._tasks = _hosts(16, 250, f"127.{number}")

    @property
    def control_plane(self) -> tuple[str, int]:
        """Address and port of the AWS endpoint."""
        return f"127.{self.number}.0.1", CONTROL_PLANE_PORT

    def next_load_balancer(self) -> str:
        """An address for one more load balancer."""
        return next(self._load_balancers)

    def next_task(self) -> str:
        """An address for one more task; it comes round again after some 59,000 others."""
        return next(self._tasks)


@dataclass(frozen=True)
class Claim:
    """A claimed lab number. It is held until `release`, or until the process ends."""

    number: int
    _holder: socket.socket

    def release(self) -> None:
        """Give the number back."""
        self._holder.close()


def claim(numbers: range = NUMBERS) -> Claim:
    """Claim the lowest free lab number.

    Raises:
        NoNumberLeft: every one of ``numbers`` is held by a running lab.
    """
    for number in numbers:
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(f"\0canary-ecs-lab-{number}")
        except OSError:
            holder.close()
            continue
        return Claim(number, holder)
    raise NoNumberLeft(f"all {len(numbers)} lab numbers of this machine are taken by running labs")


def bound_ports(ports: Iterable[int], *, low_ports: bool) -> dict[int, int]:
    """Where the listeners of one load balancer are really bound, by their own port.

    Where the lab may not bind below 1024, such a port is bound 8000 higher, or as many times 8000 as it takes to meet
    none of the others: 80 is 8080, and 16080 beside a listener on 8080.
    """
    asked = set(ports)
    bound = {port: port for port in asked if low_ports or port >= 1024}
    for port in asked - bound.keys():
        bound[port] = next(higher for higher in itertools.count(port + 8000, 8000) if higher not in asked)
    return bound


def may_bind_low_ports(address: str) -> bool:
    """Whether this process may listen below 1024 on ``address``."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 1023))
        except PermissionError:
            return False
    return True
