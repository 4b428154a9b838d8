"""What does the fleet look like right now?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fleet import catalogue
from fleet.health.verdicts import Finding, WorkerSight, judge_jobs, judge_pools, judge_workers
from fleet.registry import roster
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect


@dataclass(frozen=True, slots=True)
class Glance:
    """What was found, and what was mended lately (newest first)."""

    findings: tuple[Finding, ...]
    repairs: tuple[dict[str, Any], ...]
    workers: int


def look(limit: int = 20) -> Glance:
    """Gather and judge."""
    settings, declared, client = current(), catalogue.current(), connect()
    prefix = keys.prefix(settings.cell)
    workers = roster.workers()
    with available():
        seconds, micros = client.time()
        pipe = client.pipeline(transaction=False)
        pipe.hgetall(f"{prefix}slots")
        pipe.hgetall(f"{prefix}jobs")
        for pool in declared.pools.values():
            pipe.zcard(f"{prefix}held:@{pool.name}")
            pipe.llen(pool.queue)
        pipe.xrevrange(f"{prefix}repairs", count=limit)
        slots, jobs, *counts, repairs = pipe.execute()
    now = seconds + micros / 1e6
    waiting = {name: counts[2 * i] + counts[2 * i + 1] for i, name in enumerate(declared.pools)}
    sights = [
        WorkerSight(w.worker_id, w.pool, w.status, w.silent_seconds, now - w.claimed_at, w.running, w.deaf_seconds) for w in workers
    ]
    ages = {name.partition(":")[0]: now - float(at) for name, at in jobs.items() if name.endswith(":succeeded")}
    periods = {
        "health": settings.health.interval_seconds,
        "scaling": settings.scaling.interval_seconds,
        "alerts": settings.alerts.interval_seconds,
    }
    findings = [
        *judge_workers(sights, waiting, settings.leases.lease_seconds, settings.health.ghost_seconds),
        *judge_pools({name: int(count) for name, count in slots.items()}, waiting),
        *judge_jobs(ages, periods),
    ]
    listed = tuple({"at": int(entry.partition("-")[0]) / 1000, **row} for entry, row in repairs)
    return Glance(tuple(findings), listed, len(workers))
