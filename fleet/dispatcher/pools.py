"""How do the pools stand right now?

One pipelined round trip reads every pool's counters; strategies, `fleet pools` and the gateway read the same values.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fleet import catalogue
from fleet.dispatcher.scoring import PoolView
from fleet.settings import current, named_cell
from fleet.store import keys
from fleet.store.client import available, connect

READS = ("slots", "inflight", "service", "paused", "ejected", "queues")


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """A pool as it stands: seconds are measured means, rates are shares."""

    name: str
    agent_type: str
    queue: str
    slots: int
    inflight: int
    service_seconds: float
    response_seconds: float
    success_rate: float
    paused: str
    ejected_until: float
    held: int
    """Tasks bound to this pool early; unbound ones are held per task type."""
    queued: int
    """Messages in its Celery queue; 0 where the broker is not the store."""
    cell: str = ""
    """Where it stands, in a fleet of several cells."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def status() -> list[PoolStatus]:
    """Return every declared pool, by name."""
    declared, prefix = catalogue.current(), keys.prefix(current().cell)
    names = sorted(declared.pools)
    with available():
        pipe = connect().pipeline(transaction=False)
        for name in READS:
            pipe.hgetall(prefix + name)
        for name in names:
            pipe.hmget(f"{prefix}stats:{name}", "response", "outcomes")
            pipe.zcard(f"{prefix}held:@{name}")
            pipe.llen(declared.pools[name].queue)
        slots, inflight, service, paused, ejected, _queues, *rest = pipe.execute()
    rows = []
    for index, name in enumerate(names):
        (response, outcomes), held, queued = rest[3 * index : 3 * index + 3]
        pool = declared.pools[name]
        rows.append(
            PoolStatus(
                name, pool.agent_type, pool.queue, int(slots.get(name, 0)), int(inflight.get(name, 0)), float(service.get(name, 0)),
                float(response or 0), outcomes.count("1") / len(outcomes) if outcomes else 1.0, paused.get(name, ""),
                float(ejected[name].split()[4]) if name in ejected else 0.0, held, queued, named_cell(),
            )
        )  # fmt: skip
    return rows


def views(task_type: str) -> tuple[PoolView, ...]:
    """Return the pools as a strategy sees them for one task type."""
    declared, prefix = catalogue.current(), keys.prefix(current().cell)
    names = sorted(declared.pools)
    with available():
        pipe = connect().pipeline(transaction=False)
        pipe.time()
        for name in READS[:5]:
            pipe.hgetall(prefix + name)
        for name in names:
            pipe.hmget(f"{prefix}stats:{name}", "response", "outcomes", f"v:{task_type}", f"q:{task_type}")
        (now, _), slots, inflight, service, paused, ejected, *stats = pipe.execute()
    rows = []
    for name, (response, outcomes, speed, success) in zip(names, stats, strict=True):
        pool = declared.pools[name]
        out_until = float(ejected[name].split()[4]) if name in ejected else 0.0
        rows.append(
            PoolView(
                name,
                slots=int(slots.get(name, 0)),
                running=int(inflight.get(name, 0)),
                weight=pool.weight,
                is_capable=task_type in declared.agent_types[pool.agent_type].runs,
                is_out=out_until > int(now) or name in paused,
                compatibility=declared.compatibility_of(task_type, pool.agent_type),
                success_rate=outcomes.count("1") / len(outcomes) if outcomes else 1.0,
                response_seconds=float(response or 0),
                speed=float(speed or pool.speed),
                success=float(success or 1),
                service_seconds=float(service.get(name, 10)),
            )
        )
    return tuple(rows)


def held_by_type() -> dict[str, int]:
    """Return how many tasks each lane holds: lanes are task types, or @pool for tasks bound early."""
    prefix = keys.prefix(current().cell)
    with available():
        client: Any = connect()
        lanes = sorted(client.smembers(f"{prefix}lanes"))
        pipe = client.pipeline(transaction=False)
        for lane in lanes:
            pipe.zcard(f"{prefix}held:{lane}")
        return dict(zip(lanes, pipe.execute(), strict=True)) if lanes else {}
