"""Which pools have just got their first task, or lost their last?

One loop asks the source about every pool somebody watches, four times a second in one round trip, and wakes the
watchers of those that changed: the cost does not grow with the number of KEDA replicas that listen.

A watcher outlives trouble in silence. KEDA comes back to a stream that broke only after pauses that grow to a minute, and
forgets them only when a stream ends in order; what it must know of the trouble, its polls tell it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping

from fleet.errors import FleetError, UnknownName
from fleet.scaling.published import TargetSource, activity
from fleet.store.client import Refused


class Activity:
    """Whether pools are active, kept current while anybody watches."""

    def __init__(self, source: TargetSource, stale_seconds: float, interval_seconds: float = 0.25) -> None:
        self._source, self._stale, self._interval = source, stale_seconds, interval_seconds
        self._watched: Counter[str] = Counter()
        self._latest: Mapping[str, bool | FleetError] = {}
        self._changed = asyncio.Condition()
        self._closed = False

    def read(self, pool: str) -> bool:
        """Return whether the pool must have a replica; refuse to answer from a stale target."""
        known = activity(self._source, [pool], self._stale)[pool]
        if isinstance(known, FleetError):
            raise known
        return known

    async def watch(self, pool: str) -> AsyncIterator[bool]:
        """Yield the pool's activity now, and whenever it changes, until the pool is no more or this is closed."""
        self._watched[pool] += 1
        try:
            latest = await asyncio.to_thread(self.read, pool)
            yield latest
            while not self._closed:
                async with self._changed:
                    await self._changed.wait()
                match self._latest.get(pool, latest):
                    case UnknownName() as gone:
                        raise gone
                    case bool() as known if known is not latest:
                        latest = known
                        yield latest
        finally:
            self._watched[pool] -= 1
            self._watched += Counter()

    async def closed(self) -> None:
        """Wait until this is closed."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed)

    async def close(self) -> None:
        """Let every watcher end in order."""
        self._closed = True
        async with self._changed:
            self._changed.notify_all()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            if pools := list(self._watched):
                self._latest = await asyncio.to_thread(self._look, pools)
                async with self._changed:
                    self._changed.notify_all()

    def _look(self, pools: list[str]) -> Mapping[str, bool | FleetError]:
        try:
            return activity(self._source, pools, self._stale)
        except (FleetError, Refused) as error:
            return dict.fromkeys(pools, FleetError(str(error)))
