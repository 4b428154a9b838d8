"""Which gauges does scaling show at a scrape?"""

from __future__ import annotations

from collections.abc import Iterator

from fleet.scaling.orders import Orders
from fleet.scaling.target_store import TargetStore
from fleet.store.client import Client
from fleet.telemetry.metric import Sample, sample

DEMAND = "demand"
"""The limit shown where none binds: the decider's own need."""


def samples(client: Client, cell: str) -> Iterator[Sample]:
    """Yield target, its age and what bound it, ready replicas, floor and waiting tasks of every pool."""
    store = TargetStore(client, cell)
    now = store.now()
    for pool, target in store.all().items():
        snap = target["snapshot"]
        yield sample("fleet_target_replicas", target["replicas"], pool=pool)
        yield sample("fleet_target_age_seconds", max(now - target["computed_at"], 0.0), pool=pool)
        yield sample("fleet_target_binding", 1.0, pool=pool, limit=target["binding"] or DEMAND)
        yield sample("fleet_ready_replicas", snap["ready"], pool=pool)
        yield sample("ai_agent_queue_length", snap["held"] + snap["released"], pool=pool)
    for pool, floor in Orders(client, cell).floors(now).items():
        yield sample("fleet_target_floor", floor.replicas, pool=pool)
