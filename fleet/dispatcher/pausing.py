"""How is a queue stopped and let go again, fleet-wide?

Held tasks stay held, running ones go on; one field in Redis is all there is to it.
"""

from __future__ import annotations

from typing import Any

from fleet import catalogue
from fleet.dispatcher import ticking
from fleet.errors import UnknownName
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect


def pause(name: str, why: str) -> None:
    """Pause a pool or a task type."""
    declared = catalogue.current()
    if name not in declared.pools and name not in declared.task_types:
        raise UnknownName("pool or task type", name, [*declared.pools, *declared.task_types])
    with available():
        connect().hset(f"{keys.prefix(current().cell)}paused", name, why)


def paused() -> dict[str, str]:
    """Return what is paused here, and why."""
    client: Any = connect()
    with available():
        return dict(client.hgetall(f"{keys.prefix(current().cell)}paused"))


def resume(name: str) -> bool:
    """Resume; returns whether it was paused. Held tasks are released at once."""
    with available():
        was = bool(connect().hdel(f"{keys.prefix(current().cell)}paused", name))
    ticking.tick()
    return was
