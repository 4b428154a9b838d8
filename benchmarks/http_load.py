"""How many requests a second does a server answer, and how late are answers at a given rate?

One small client for both servers. Closed: each connection sends again once it was answered. Open: requests are due at
fixed moments whether or not earlier ones were answered, and lateness counts from the moment a request was due.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import cast

CONNECTIONS = 16
TICK_SECONDS = 0.001
"""What is due within a tick is sent together: looking without a pause would take the broker's core away from it."""


class Connection(asyncio.Protocol):
    """Sends one request at a time and tells when its answer is complete; any but the expected status is an error."""

    def __init__(self, request: bytes, status: bytes, answered: Callable[[Connection], None]) -> None:
        self._request, self._status, self._answered, self._read = request, status, answered, b""
        self.error = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self) -> None:
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, rest = self._read.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        length = int(lower[lower.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        if not head.startswith(self._status):
            self.error = f"answered {head.splitlines()[0]!r} {rest[:200]!r}"
        self._read = b""
        self._answered(self)


async def opened(
    port: int, request: bytes, status: int, answered: Callable[[Connection], None], count: int = CONNECTIONS
) -> list[Connection]:
    loop, line = asyncio.get_running_loop(), f"HTTP/1.1 {status}".encode()
    pairs = [
        await loop.create_connection(lambda: Connection(request, line, answered), "127.0.0.1", port) for _ in range(count)
    ]
    return [connection for _, connection in pairs]


async def closed_loop(port: int, request: bytes, status: int, seconds: float) -> int:
    """Return how many requests were answered in about this time, every connection always having one under way."""
    until, counts, idle = time.perf_counter() + seconds, [0], asyncio.Event()
    left = [CONNECTIONS]

    def answered(connection: Connection) -> None:
        counts[0] += 1
        if time.perf_counter() < until and not connection.error:
            connection.send()
            return
        left[0] -= 1
        if not left[0]:
            idle.set()

    connections = await opened(port, request, status, answered)
    for connection in connections:
        connection.send()
    await idle.wait()
    close(connections)
    return counts[0]


async def open_loop(port: int, request: bytes, status: int, rate: float, seconds: float) -> list[float]:
    """Return each answer's lateness in seconds at this many requests a second."""
    free: deque[Connection] = deque()
    due: deque[float] = deque()
    sent: dict[Connection, float] = {}
    late: list[float] = []

    def answered(connection: Connection) -> None:
        late.append(time.perf_counter() - sent.pop(connection))
        free.append(connection)
        dispatch()

    def dispatch() -> None:
        while due and free:
            connection = free.popleft()
            sent[connection] = due.popleft()
            connection.send()

    connections = await opened(port, request, status, answered, 4 * CONNECTIONS)
    free.extend(connections)
    began, number = time.perf_counter(), 0
    while number < rate * seconds:
        now = time.perf_counter()
        while number < rate * seconds and began + number / rate <= now:
            due.append(began + number / rate)
            number += 1
        dispatch()
        await asyncio.sleep(max(TICK_SECONDS, began + number / rate - time.perf_counter()))
    while sent or due:
        await asyncio.sleep(0.01)
    close(connections)
    return late


def close(connections: list[Connection]) -> None:
    for connection in connections:
        connection.transport.close()
    if wrong := next((connection.error for connection in connections if connection.error), ""):
        raise RuntimeError(wrong)
