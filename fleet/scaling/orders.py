"""What have people and alerts asked of a pool's size?

An operator's pin replaces the decider's need until it is taken away or runs out; an alert's floor raises it for a
time. Both say who and why, and end by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from fleet.errors import ConfigurationError, UnknownName
from fleet.store import keys
from fleet.store.client import Client, available


@dataclass(frozen=True, slots=True)
class Order:
    """So many replicas, asked for by somebody, for a time."""

    pool: str
    replicas: int
    by: str
    why: str
    since: float
    until: float | None = None

    def holds(self, now: float) -> bool:
        return self.until is None or now < self.until


def checked(pool: str, replicas: int, known: Mapping[str, tuple[int, int]]) -> None:
    """Refuse an order for an unknown pool or outside what the catalogue allows; `known` is pool -> (min, max)."""
    if pool not in known:
        raise UnknownName("pool", pool, known)
    if not 0 <= replicas <= known[pool][1]:
        raise ConfigurationError(
            f"pool {pool!r} cannot have {replicas} replicas: use 0 to {known[pool][1]}, or raise its max_replicas"
        )


class Orders:
    """The cell's pins and floors."""

    def __init__(self, client: Client, cell: str) -> None:
        self._client, self._cell = client, cell

    def pin(self, order: Order) -> None:
        """Fix a pool's size."""
        self._put(keys.pins(self._cell), order)

    def unpin(self, pool: str) -> Order | None:
        """Let the decider decide again; return the pin that was there."""
        return self._take(keys.pins(self._cell), pool)

    def raise_floor(self, order: Order) -> None:
        """Ask for at least so many replicas until the order runs out."""
        self._put(keys.floors(self._cell), order)

    def lower_floor(self, pool: str) -> Order | None:
        """Withdraw the floor; return the one that was there."""
        return self._take(keys.floors(self._cell), pool)

    def pins(self, now: float) -> dict[str, Order]:
        """Return the pins that hold, and forget the others."""
        return self._holding(keys.pins(self._cell), now)

    def floors(self, now: float) -> dict[str, Order]:
        """Return the floors that hold, and forget the others."""
        return self._holding(keys.floors(self._cell), now)

    def _put(self, key: str, order: Order) -> None:
        with available():
            self._client.hset(key, order.pool, orjson.dumps(order))

    def _take(self, key: str, pool: str) -> Order | None:
        with available():
            pipe = self._client.pipeline()
            pipe.hget(key, pool)
            pipe.hdel(key, pool)
            found, _ = pipe.execute()
        return _order(found) if found else None

    def _holding(self, key: str, now: float) -> dict[str, Order]:
        with available():
            rows = self._client.hgetall(key)
            found = {order.pool: order for order in map(_order, rows.values())}
            over = [pool for pool, order in found.items() if not order.holds(now)]
            if over:
                self._client.hdel(key, *over)
        return {pool: order for pool, order in found.items() if pool not in over}


def _order(text: str | bytes) -> Order:
    return Order(**orjson.loads(text))
