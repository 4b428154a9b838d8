"""How are answered requests counted without a round trip for each?

Counts gather in the process, times by the bucket they fall into, and leave together once a second: a second's requests are a
few numbers, however many they were. What a crash loses is a second of counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import anyio
import orjson

from fleet.errors import StoreUnavailable
from fleet.gateway.threads import aside
from fleet.store import keys
from fleet.store.client import Client
from fleet.store.scripts import script
from fleet.telemetry.metrics import BY_NAME

FLUSH_SECONDS = 1.0
REQUESTS, SECONDS = "fleet_gateway_requests_total", "fleet_gateway_request_seconds"
BOUNDS = BY_NAME[SECONDS].buckets


@dataclass(slots=True)
class Times:
    """How long a route's requests took: how many fell into each bucket (the last is +Inf), and their sum."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    sum: float = 0.0


class Counting:
    """Counts requests and the time they took, on the event loop; its size does not depend on how many there are."""

    def __init__(self, client: Client, cell: str) -> None:
        self._client, self._cell = client, cell
        self._counted: Counter[tuple[str, str, str]] = Counter()
        self._times: defaultdict[str, Times] = defaultdict(Times)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request; never waits."""
        self._counted[route, method, f"{status // 100}xx"] += 1
        times = self._times[route]
        times.buckets[bisect_left(BOUNDS, seconds)] += 1
        times.sum += seconds

    async def keep_flushing(self) -> None:
        """Write what gathered, every second, until cancelled."""
        while True:
            await anyio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what gathered; counts that cannot be written are dropped, never waited for."""
        writes: list[list[object]] = [["count", n, "", REQUESTS, *labels] for labels, n in self._counted.items()]
        writes += [["many", [*times.buckets, times.sum], "", SECONDS, route] for route, times in self._times.items()]
        self._counted.clear()
        self._times.clear()
        if writes:
            await aside(self._write, orjson.dumps(writes))

    def _write(self, writes: bytes) -> None:
        try:
            script("telemetry/record.lua")(self._client, [keys.prefix(self._cell)], [writes])
        except StoreUnavailable:
            return
