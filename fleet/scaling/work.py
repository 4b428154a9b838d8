"""Which pools have work at this moment?

One round trip reads what is released or running per pool and which lanes hold tasks; a second, only when something is
held, reads which pools could run it. Held work wakes the pool the dispatcher would choose, so that a fleet at zero starts
one pool and not all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fleet.scaling.plan import Demand, PoolOffer, preferred
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.lanes import BOUND_EARLY, task_type


def working(client: Client, cell: str) -> frozenset[str]:
    """Return the pools for which anything is held, queued or running."""
    start = keys.prefix(cell)
    pipe = client.pipeline(transaction=False)
    for name in ("inflight", "paused", "slots"):
        pipe.hgetall(f"{start}{name}")
    pipe.smembers(f"{start}lanes")
    with available():
        in_flight, paused, slots, lanes = pipe.execute()
        types = sorted({task_type(lane) for lane in lanes if not lane.startswith(BOUND_EARLY)})
        factors = client.pipeline(transaction=False)
        for kind in types:
            factors.hgetall(f"{start}factors:{kind}")
        able = factors.execute() if types else []
    busy = {pool for pool, tasks in in_flight.items() if int(tasks) > 0}
    bound = {lane.removeprefix(BOUND_EARLY) for lane in lanes if lane.startswith(BOUND_EARLY)}
    offers = {pool: PoolOffer(pool, 1, pool in paused) for row in able for pool in row}
    woken = _woken(zip(types, able, strict=True), offers, frozenset(p for p, n in slots.items() if int(n) > 0))
    return frozenset(busy | bound | woken)


def _woken(
    held: Iterable[tuple[str, Mapping[str, str]]], offers: Mapping[str, PoolOffer], serving: frozenset[str]
) -> set[str]:
    """Return the pools that held work keeps or makes active: those that serve it already, else the first choice."""
    woken: set[str] = set()
    for kind, row in held:
        costs = {pool: float(factor) for pool, factor in row.items()}
        ranked = preferred(Demand(kind, 1.0, 1, costs, costs), offers)
        woken |= {pool for pool in ranked if pool in serving} or set(ranked[:1])
    return woken
