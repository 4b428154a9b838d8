"""How is a pool given more replicas for a time? By a floor under its target; the autoscaler stays the only owner."""

from __future__ import annotations

import json
from typing import Final

from fleet.alerts.actions.plan import Effect, Plan, PoolView, Request, View

MOST_POOLS: Final = 3
LARGEST_SHARE: Final = 0.5


def plan(request: Request, view: View) -> Plan:
    """Raise the floors of the affected pools, within half of what each has and its maximum."""
    pools = sorted(view.pools_of(request), key=lambda pool: pool.name)
    if not pools:
        named = ", ".join(value for subject in request.subjects for value in subject.values())
        return Plan("scale up nothing", refused=f"no pool runs {named or 'anything'}: check the rule's labels")
    floors = {pool.name: _floor(pool, request.call.replicas) for pool in pools[:MOST_POOLS]}
    raised = {name: floor for name, floor in floors.items() if floor > 0}
    if not raised:
        return Plan("scale up nothing", refused="every affected pool is at its maximum: raise max_replicas first")
    effects = tuple(Effect("floors", name, _order(request, name, floor)) for name, floor in raised.items())
    left = f"; {len(pools) - MOST_POOLS} more pools are left alone" if len(pools) > MOST_POOLS else ""
    text = ", ".join(f"{name} to at least {floor} replicas" for name, floor in raised.items())
    return Plan(f"hold {text} for {request.call.lasts / 60:g} minutes{left}", effects, most_active=5)


def _order(request: Request, pool: str, replicas: int) -> str:
    """Return the floor as scaling reads it."""
    who = {"by": f"action {request.id}", "why": request.why, "since": request.at, "until": request.until}
    return json.dumps({"pool": pool, "replicas": replicas, **who})


def _floor(pool: PoolView, wanted: int) -> int:
    """Return the new floor, or 0 when there is no room above what the pool has."""
    has = max(pool.ready, pool.target or 0, pool.floor, pool.minimum)
    step = min(wanted, max(1, int(has * LARGEST_SHARE)))
    floor = min(has + step, pool.maximum)
    return floor if floor > has else 0
