"""Can a fleet replay its own past?"""

from __future__ import annotations

import pytest
import redis

from fleet.errors import ConfigurationError
from fleet.simulation.scaling import own_history
from fleet.store import keys

CELL = "main"


def ended(store: redis.Redis, submitted: float, waited: float, ran: float, pool: str = "code") -> None:
    started = submitted + waited if ran else ""
    row = {"id": "t", "pool": pool, "submitted": submitted, "started": started, "ended": submitted + waited + ran}
    store.xadd(f"{keys.prefix(CELL)}history", {key: str(value) for key, value in row.items()})


def test_ended_tasks_become_a_workload(store: redis.Redis) -> None:
    now = float(store.time()[0])
    ended(store, now - 100.0, 3.0, 7.0)
    ended(store, now - 160.0, 0.0, 5.0)
    ended(store, now - 50.0, 1.0, 0.0)
    ended(store, now - 40.0, 1.0, 2.0, pool="scan")
    ended(store, now - 200_000.0, 1.0, 2.0)
    read = own_history.read(store, CELL, days=1.0, pool="code")
    assert read.arrivals.tolist() == pytest.approx([0.0, 60.0])
    assert read.services.tolist() == pytest.approx([5.0, 7.0])
    assert "1 tasks that never ran" in read.origin
    assert len(own_history.read(store, CELL, days=1.0).arrivals) == 3


def test_no_history_is_a_clear_error(store: redis.Redis) -> None:
    with pytest.raises(ConfigurationError, match="ask for more days"):
        own_history.read(store, CELL, days=1.0)
