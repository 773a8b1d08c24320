# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lab numbers and addresses: two labs never meet."""

from __future__ import annotations

import ipaddress
import itertools
import subprocess
import sys
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.addresses import Network, NoNumberLeft, bound_ports, claim, may_bind_low_ports
from lab.checkout import CHECKOUT

# The lab numbers that are given last: those of other tests that run meanwhile are far below.
LAST = range(200, 255)


def test_a_number_is_claimed_once_until_released() -> None:
    first = claim(LAST)
    with pytest.raises(NoNumberLeft):
        claim(range(first.number, first.number + 1))
    second = claim(LAST)
    assert second.number != first.number
    first.release()
    again = claim(range(first.number, first.number + 1))
    again.release()
    second.release()


def test_a_number_is_free_again_when_its_holder_was_killed() -> None:
    code = f"from lab.addresses import claim; held = claim({LAST}); print(held.number, flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None
        number = int(holder.stdout.readline())
        with pytest.raises(NoNumberLeft):
            claim(range(number, number + 1))
        holder.kill()
        holder.wait()
    claim(range(number, number + 1)).release()


@given(st.integers(1, 254), st.integers(1, 254))
def test_addresses_of_two_labs_and_of_two_kinds_differ(one: int, other: int) -> None:
    def addresses(network: Network) -> set[str]:
        kinds = (network.next_load_balancer, network.next_task)
        return {network.control_plane[0]} | {kind() for kind in kinds for _turn in range(3)}

    found = addresses(Network(one))
    assert len(found) == 7
    assert all(ipaddress.ip_address(address).is_loopback for address in found)
    if one != other:
        assert not found & addresses(Network(other))


def test_a_tasks_address_is_not_used_again_soon() -> None:
    network = Network(9)
    found = [network.next_task() for _turn in itertools.repeat(None, 235 * 254)]
    assert len(set(found)) == len(found)
    assert network.next_task() == found[0]


@pytest.mark.parametrize("number", [0, 255, -1])
def test_numbers_outside_the_range_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="a lab number is"):
        Network(number)


@pytest.mark.parametrize(
    ("ports", "low_ports", "bound"),
    [
        ([80, 443, 8080], True, [80, 443, 8080]),
        ([80, 443], False, [8080, 8443]),
        ([80, 8080], False, [16080, 8080]),
        ([80, 8080, 16080], False, [24080, 8080, 16080]),
    ],
)
def test_low_ports_move_up_where_they_must(ports: list[int], low_ports: bool, bound: list[int]) -> None:
    assert bound_ports(ports, low_ports=low_ports) == dict(zip(ports, bound, strict=True))


@given(st.sets(st.integers(1, 65535), max_size=50))
def test_no_two_listeners_are_bound_to_one_port(ports: set[int]) -> None:
    found = bound_ports(ports, low_ports=False)
    assert found.keys() == ports
    assert len(set(found.values())) == len(ports)
    assert all(1024 <= port <= 65535 for port in found.values())


def test_a_refused_low_port_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def bind(self, _address: object) -> None:
            raise PermissionError

    monkeypatch.setattr("lab.addresses.socket.socket", Refusing)
    assert not may_bind_low_ports("127.9.0.1")
