"""How is the broker?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from fleet.alerts.sources import Source
from fleet.store.client import Client, available
from fleet.telemetry.metric import Sample, sample


def read(client: Client, cell: str, now: float) -> Iterable[Sample]:
    """Yield memory, eviction policy and connections of the server that holds the cell."""
    del cell, now
    with available():
        pipeline = client.pipeline(transaction=False)
        pipeline.info("memory")
        pipeline.info("clients")
        memory, clients = cast("list[dict[str, Any]]", pipeline.execute())
    yield sample("fleet_broker_up", 1.0)
    used, limit = float(memory["used_memory"]), float(memory.get("maxmemory", 0))
    yield sample("fleet_broker_memory_bytes", used)
    if limit > 0:
        yield sample("fleet_broker_memory_ratio", used / limit)
    may_evict = limit > 0 and memory.get("maxmemory_policy", "noeviction") != "noeviction"
    yield sample("fleet_broker_evicting", float(may_evict))
    yield sample("fleet_broker_clients", float(clients["connected_clients"]))


SOURCE = Source(
    "broker",
    (
        "fleet_broker_up",
        "fleet_broker_memory_bytes",
        "fleet_broker_memory_ratio",
        "fleet_broker_evicting",
        "fleet_broker_clients",
    ),
    read,
)
