"""How do the scripts learn what is declared?

The catalogue's facts and the dispatch settings are published to the cell's Redis, where the scripts read them live.
What was learned is kept: a pool only gets a first guess where nothing is known yet.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from fleet import catalogue
from fleet.catalogue import Catalogue
from fleet.costs import configured
from fleet.dispatcher import layouts, ranking, rollouts
from fleet.settings import Settings, current
from fleet.store import keys
from fleet.store.client import available, broker_url, connect, speaks_redis, store_url


def publish() -> None:
    """Write queues, prices, knobs, capabilities and first guesses in one round trip, then budgets and cost controls.

    First the cell is brought to this build's layout; one this build cannot read is refused.
    """
    layouts.ensure()
    declared, settings = catalogue.current(), current()
    prefix = keys.prefix(settings.cell)
    with available():
        client: Any = connect()
        versions = rollouts.live_pools()
        stale = {name: client.hkeys(f"{prefix}factors:{name}") for name in declared.task_types}
        pipe = client.pipeline(transaction=True)
        pipe.delete(f"{prefix}queues", f"{prefix}prices")
        for pool in declared.pools.values():
            pipe.hset(f"{prefix}queues", pool.name, pool.queue)
            pipe.hset(f"{prefix}prices", pool.name, pool.price_per_slot_hour_usd)
            pipe.hset(f"{prefix}stats:{pool.name}", "prior", pool.speed)
        for pool in versions:
            pipe.hset(f"{prefix}queues", pool.name, pool.queue)
            pipe.hset(f"{prefix}prices", pool.name, pool.price_per_slot_hour_usd)
        if not _is_local_broker():
            pipe.hset(f"{prefix}queues", "#remote", 1)
        pipe.hset(f"{prefix}knobs", mapping=_knobs(settings))
        for row in declared.task_types.values():
            pipe.set(f"{prefix}size:{row.name}", f"0 {row.expected_seconds:g} 0 0 0 0 0 1", nx=True)
            capable = {pool.name: pool for pool in declared.capable_pools(row.name) if "@" not in pool.name}
            if gone := set(stale[row.name]) - set(capable):
                pipe.hdel(f"{prefix}factors:{row.name}", *gone)
            for pool in capable.values():
                pipe.hsetnx(f"{prefix}factors:{row.name}", pool.name, pool.speed)
        pipe.set(f"{prefix}serving", f"declared {uuid4()}")
        for tenant, weight in (declared.sections.get("tenants") or {}).items():
            pipe.hset(f"{prefix}weights", tenant, _weight(tenant, weight))
        pipe.execute()
    configured.put_in_force(client, settings.cell, settings, declared)


def _is_local_broker() -> bool:
    return speaks_redis(broker_url()) and broker_url() == store_url()


def _knobs(settings: Settings) -> dict[str, float]:
    return {
        "hold": settings.dispatch.hold,
        "kappa": settings.dispatch.speed_or_price,
        "hand_off": settings.dispatch.hand_off_threshold_seconds,
        "retry_budget": settings.dispatch.retry_budget,
        "result_seconds": settings.dispatch.result_seconds,
        "history": settings.telemetry.history_tasks,
        "lease": settings.leases.lease_seconds,
        "release": settings.leases.release_seconds,
        "remove": settings.leases.remove_seconds,
        "losses": settings.leases.max_worker_losses,
        "wait_goal": settings.scaling.wait_goal_seconds,
    }


def check(declared: Catalogue, settings: Settings) -> None:
    """Refuse what the dispatcher could not work with: a strategy nobody knows, a tenant's weight that is no weight."""
    ranking.check(settings.dispatch.strategy)
    for row in declared.task_types.values():
        if row.strategy is not None:
            ranking.check(row.strategy)
    for tenant, weight in (declared.sections.get("tenants") or {}).items():
        _weight(tenant, weight)


def _weight(tenant: str, weight: object) -> float:
    from fleet.errors import ConfigurationError

    value = weight.get("weight", 1) if isinstance(weight, dict) else weight
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ConfigurationError(f"tenants.{tenant}: weight is {value!r}: use a number above 0")
    return float(value)
