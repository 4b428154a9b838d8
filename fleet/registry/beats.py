"""Which beats look at the schedule?"""

from __future__ import annotations

from typing import Any

from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect

SILENT_SECONDS = 60.0
"""A beat looks every five seconds at least; who was silent this long is gone."""


def look(beat: str, at: float) -> None:
    """Note that the beat looked at the schedule `at` (the store's unix seconds), and forget the silent ones."""
    client: Any = connect()
    with available():
        pipe = client.pipeline(transaction=False)
        pipe.zadd(_key(), {beat: at})
        pipe.zremrangebyscore(_key(), "-inf", at - SILENT_SECONDS)
        pipe.execute()


def leave(beat: str) -> None:
    """Forget a beat that stops."""
    client: Any = connect()
    with available():
        client.zrem(_key(), beat)


def beats() -> tuple[str, ...]:
    """Return who looked within the last minute, by name."""
    client: Any = connect()
    with available():
        seconds, micros = client.time()
        return tuple(sorted(client.zrangebyscore(_key(), seconds + micros / 1e6 - SILENT_SECONDS, "+inf")))


def _key() -> str:
    return f"{keys.prefix(current().cell)}beats"
