"""How are answered requests counted without a round trip for each?

Counts gather in the process and leave together once a second; what a crash loses is a second of counts.
"""

from __future__ import annotations

import threading
from collections import Counter

import anyio
import orjson

from fleet.errors import StoreUnavailable
from fleet.gateway.threads import aside
from fleet.store import keys
from fleet.store.client import Client
from fleet.store.scripts import script

FLUSH_SECONDS = 1.0
MOST_OBSERVED = 5000
"""Beyond this many requests within a second only some times are kept, never more memory."""


class Counting:
    """Counts requests and the time they took; thread-safe."""

    def __init__(self, client: Client, cell: str) -> None:
        self._client, self._cell = client, cell
        self._lock = threading.Lock()
        self._counted: Counter[tuple[str, str, str]] = Counter()
        self._observed: list[tuple[str, float]] = []

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request; never waits."""
        with self._lock:
            self._counted[route, method, f"{status // 100}xx"] += 1
            if len(self._observed) < MOST_OBSERVED:
                self._observed.append((route, seconds))

    async def keep_flushing(self) -> None:
        """Write what gathered, every second, until cancelled."""
        while True:
            await anyio.sleep(FLUSH_SECONDS)
            await aside(self.flush)

    def flush(self) -> None:
        """Write what gathered; counts that cannot be written are dropped, never waited for."""
        with self._lock:
            counted, observed = self._counted, self._observed
            self._counted, self._observed = Counter(), []
        writes: list[list[object]] = [
            ["count", number, "", "fleet_gateway_requests_total", *labels] for labels, number in counted.items()
        ]
        writes += [["observe", seconds, "", "fleet_gateway_request_seconds", route] for route, seconds in observed]
        if writes:
            try:
                script("telemetry/record.lua")(self._client, [keys.prefix(self._cell)], [orjson.dumps(writes)])
            except StoreUnavailable:
                return
