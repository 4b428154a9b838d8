"""Which pools have just got their first task, or lost their last?

One loop asks the source about every pool somebody watches, four times a second in one round trip, and wakes the
watchers of those that changed: the cost does not grow with the number of KEDA replicas that listen.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from fleet.errors import FleetError, StoreUnavailable
from fleet.scaling.published import StaleTarget, TargetSource


class Activity:
    """Whether pools are active, kept current while anybody watches."""

    def __init__(self, source: TargetSource, stale_seconds: float, interval_seconds: float = 0.25) -> None:
        self._source, self._stale, self._interval = source, stale_seconds, interval_seconds
        self._watched: Counter[str] = Counter()
        self._latest: dict[str, bool | FleetError] = {}
        self._changed = asyncio.Condition()

    def read(self, pool: str) -> bool:
        """Return whether the pool must have a replica; refuse to answer from a stale target."""
        return self._judge(pool, self._source.working([pool]).get(pool, False))

    async def watch(self, pool: str) -> AsyncIterator[bool]:
        """Yield the pool's activity now, and whenever it changes."""
        self._watched[pool] += 1
        try:
            latest = await asyncio.to_thread(self.read, pool)
            yield latest
            while True:
                async with self._changed:
                    await self._changed.wait()
                known = self._latest.get(pool, latest)
                if isinstance(known, FleetError):
                    raise known
                if known is not latest:
                    latest = known
                    yield latest
        finally:
            self._watched[pool] -= 1
            self._watched += Counter()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            if pools := list(self._watched):
                self._latest = await asyncio.to_thread(self._look, pools)
                async with self._changed:
                    self._changed.notify_all()

    def _look(self, pools: list[str]) -> dict[str, bool | FleetError]:
        try:
            working = self._source.working(pools)
        except StoreUnavailable as error:
            return dict.fromkeys(pools, error)
        seen: dict[str, bool | FleetError] = {}
        for pool in pools:
            try:
                seen[pool] = self._judge(pool, working.get(pool, False))
            except FleetError as error:
                seen[pool] = error
        return seen

    def _judge(self, pool: str, working: bool) -> bool:
        if working:
            return True
        target = self._source.target(pool)
        if target is None:
            return False
        if target.stale(self._stale):
            raise StaleTarget(target, self._stale)
        return target.replicas > 0
