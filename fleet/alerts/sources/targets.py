"""How many replicas does the fleet ask for, how many are there, and what holds them back?"""

from __future__ import annotations

from collections.abc import Iterable

from fleet.alerts.sources import Source
from fleet.scaling.orders import Orders
from fleet.scaling.target_store import TargetStore
from fleet.store.client import Client
from fleet.telemetry.metric import Sample, sample


def read(client: Client, cell: str, now: float) -> Iterable[Sample]:
    """Yield every pool's published target, its age, what binds it, and floors that hold."""
    for pool, target in TargetStore(client, cell).all().items():
        yield sample("fleet_target_replicas", float(target["replicas"]), pool=pool)
        yield sample("fleet_ready_replicas", float(target["snapshot"]["ready"]), pool=pool)
        yield sample("fleet_target_age_seconds", max(0.0, now - float(target["computed_at"])), pool=pool)
        yield sample("fleet_target_binding", 1.0, pool=pool, limit=target["binding"] or "demand")
    for pool, order in Orders(client, cell).floors(now).items():
        yield sample("fleet_target_floor", float(order.replicas), pool=pool)


SOURCE = Source(
    "targets",
    (
        "fleet_target_replicas",
        "fleet_ready_replicas",
        "fleet_target_age_seconds",
        "fleet_target_binding",
        "fleet_target_floor",
    ),
    read,
)
