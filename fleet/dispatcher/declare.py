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
from fleet.errors import ConfigurationError
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
    """Refuse what the dispatcher could not work with: a strategy nobody knows, a pool for nothing, a tenant's weight that is none."""
    ranking.check(settings.dispatch.strategy)
    for row in declared.task_types.values():
        if row.strategy is not None:
            ranking.check(row.strategy)
    for pool in declared.pools.values():
        if not declared.agent_types[pool.agent_type].runs:
            raise ConfigurationError(
                f"pools.{pool.name}: it could serve nothing, for its agent type {pool.agent_type!r} runs no task type:"
                f" name some in its `runs`; known: {', '.join(sorted(declared.task_types)) or 'none, declare one'}"
            )
    for tenant, weight in (declared.sections.get("tenants") or {}).items():
        _weight(tenant, weight)


def unserved(declared: Catalogue) -> list[str]:
    """Say of each task type that no pool can run why that is: its submissions will be refused."""
    said = []
    for name in declared.task_types:
        if declared.capable_pools(name):
            continue
        runners = sorted(agent.name for agent in declared.agent_types.values() if name in agent.runs)
        if runners:
            said.append(f"task type {name!r}: {', '.join(runners)} would run it, but has no pool; submissions are refused until one is declared")
        else:
            said.append(f"task type {name!r}: no agent type runs it; name it in the `runs` of one of {', '.join(sorted(declared.agent_types)) or 'none'}")
    return said


def _weight(tenant: str, weight: object) -> float:
    value = weight.get("weight", 1) if isinstance(weight, dict) else weight
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ConfigurationError(f"tenants.{tenant}: weight is {value!r}: use a number above 0")
    return float(value)
