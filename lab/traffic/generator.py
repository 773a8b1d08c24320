# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends requests at a fixed rate over keep-alive connections, whatever becomes of the earlier ones.

Each request is sent once: a connection that breaks is a failed request, not one to repeat.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import time
from collections.abc import Callable, Sequence

import aiohttp

from lab.traffic.report import UNKNOWN, Sample

Note = Callable[[Sample], None]


def version_in(body: bytes) -> str:
    """The version that a response's JSON body names."""
    try:
        document = json.loads(body)
    except ValueError:
        return UNKNOWN
    return str(document.get("version", UNKNOWN)) if isinstance(document, dict) else UNKNOWN


class Generator:
    """Requests of ``url``, ``rate`` a second; ``note`` is told of each when it has ended.

    Where ``visitors`` is 0 every request is a new visitor's, without a cookie; otherwise so many visitors take turns,
    and each keeps its cookies.
    """

    def __init__(self, url: str, *, rate: float, timeout: float, note: Note, visitors: int = 0) -> None:
        self._url = url
        self._visitors = visitors
        self._interval = 1 / rate
        self._timeout = timeout
        self._note = note
        self._in_flight: dict[asyncio.Task[None], float] = {}

    def settled(self) -> float:
        """Every request sent before this moment has ended, and was noted."""
        return min(self._in_flight.values(), default=time.monotonic())

    async def run(self, seconds: float | None = None) -> None:
        """Send for ``seconds``, or until cancelled; then wait for what is in flight."""
        async with aiohttp.TCPConnector(limit=0, ssl=False) as connector:
            sessions = [self._session(connector) for _turn in range(self._visitors or 1)]
            try:
                await self._send_all(sessions, seconds)
            finally:
                if self._in_flight:
                    await asyncio.wait(self._in_flight)
                for session in sessions:
                    await session.close()

    def _session(self, connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        """One visitor. All visitors share the connections."""
        session = aiohttp.ClientSession(
            connector=connector,
            connector_owner=False,
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            # "Unsafe" are cookies of a host that has no name, and a lab's load balancers have none.
            cookie_jar=aiohttp.CookieJar(unsafe=True) if self._visitors else aiohttp.DummyCookieJar(),
        )
        # aiohttp would send a request again, in silence, when a kept connection turns out to be broken.
        session._retry_connection = False
        return session

    async def _send_all(self, sessions: Sequence[aiohttp.ClientSession], seconds: float | None) -> None:
        """Send on schedule. Falling behind, it catches up, so that the rate holds on average."""
        begin = time.monotonic()
        numbers = itertools.count() if seconds is None else range(math.ceil(seconds / self._interval))
        for number in numbers:
            await asyncio.sleep(max(0.0, begin + number * self._interval - time.monotonic()))
            task = asyncio.create_task(self._send(sessions[number % len(sessions)]))
            self._in_flight[task] = time.monotonic()
            task.add_done_callback(self._in_flight.pop)

    async def _send(self, session: aiohttp.ClientSession) -> None:
        """Send one request and note its end."""
        sent = time.monotonic()
        version, status, reason = UNKNOWN, None, ""
        try:
            async with session.get(self._url, allow_redirects=False) as response:
                version = version_in(await response.read())
                status = response.status
                reason = f"{response.status} {response.reason}" if response.status >= 500 else ""
        except TimeoutError:
            reason = f"no response within {self._timeout:g} s"
        except (aiohttp.ClientError, OSError) as error:
            reason = f"{type(error).__name__}: {error}"
        self._note(Sample(sent, version, status, reason, time.monotonic() - sent))
