"""What may an action know about the fleet before it plans?"""

from __future__ import annotations

from typing import cast

from fleet.alerts.actions.plan import PoolView, View
from fleet.catalogue.declaration import Catalogue
from fleet.scaling.orders import Orders
from fleet.scaling.target_store import TargetStore
from fleet.store import keys
from fleet.store.client import Client, available


def gather(client: Client, cell: str, catalogue: Catalogue, now: float) -> View:
    """Read pools with their targets and floors, the limits in force, and emergency mode."""
    prefix = keys.prefix(cell)
    with available():
        limits = cast("dict[str, str]", client.hgetall(prefix + "limits"))
        emergency = cast("dict[str, str]", client.hgetall(prefix + "emergency"))
    targets, floors = TargetStore(client, cell).all(), Orders(client, cell).floors(now)
    pools = []
    for pool in catalogue.pools.values():
        target, floor = targets.get(pool.name), floors.get(pool.name)
        pools.append(
            PoolView(
                name=pool.name,
                agent_type=pool.agent_type,
                task_types=tuple(catalogue.agent_types[pool.agent_type].runs),
                minimum=pool.min_replicas,
                maximum=pool.max_replicas,
                ready=int(target["snapshot"]["ready"]) if target else 0,
                target=int(target["replicas"]) if target else None,
                floor=floor.replicas if floor else 0,
            )
        )
    return View(now, tuple(pools), limits, emergency)
