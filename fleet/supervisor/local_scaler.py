"""How many worker processes does each pool need here?

The laptop's KEDA: targets in, processes started and drained. A replica told to leave takes no new task and finishes
what it runs; the idlest leaves first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fleet import catalogue
from fleet.catalogue.declaration import Pool
from fleet.dispatcher import rollouts
from fleet.registry import roster
from fleet.scaling.published import PublishedTarget
from fleet.scaling.target_store import TargetStore
from fleet.settings import ScalingSettings, current
from fleet.store.client import connect


@dataclass(frozen=True, slots=True)
class Step:
    """Start so many replicas of a pool, and let these leave."""

    pool: str
    start: int
    leave: tuple[str, ...] = ()


def wanted(up: Mapping[str, int]) -> dict[str, int]:
    """Return replicas per pool: the published target, at most the declared maximum; `up` is how many there are.

    Without a fresh target nobody leaves. A pool that has work has a replica at once, without waiting for the next target.
    """
    declared, settings = catalogue.current(), current()
    store = TargetStore(connect(), settings.cell)
    targets, working = store.targets(declared.pools), store.working(declared.pools)
    plain = {
        pool.name: _bounded(pool, targets.get(pool.name), up.get(pool.name, 0), working[pool.name], settings.scaling)
        for pool in declared.pools.values()
        if "@" not in pool.name
    }
    for row in rollouts.live():
        # A version has workers for the tasks it was given, and one as long as its rollout lives; the old version of a
        # promoted one goes, but for what it still has to do.
        slots, most = declared.pools[row.pool].slots, declared.pools[row.pool].max_replicas
        plain[row.version_pool] = max(1, min(most, math.ceil(rollouts.waiting(row.version_pool) / slots)))
        if row.state == "promoted":
            plain[row.pool] = int(working[row.pool])
    return plain


def _bounded(pool: Pool, target: PublishedTarget | None, up: int, working: bool, settings: ScalingSettings) -> int:
    if target is None or target.stale(settings.stale_seconds):
        asked = max(pool.min_replicas, up)
    else:
        asked = target.replicas
    return min(pool.max_replicas, max(asked, int(working)))


def plan(wanted: Mapping[str, int], up: Mapping[str, Mapping[str, int]]) -> list[Step]:
    """Compare targets with replicas (pool -> replica -> running tasks); the idlest leave first. Pure."""
    steps = []
    for pool, target in sorted(wanted.items()):
        replicas = up.get(pool, {})
        if len(replicas) < target:
            steps.append(Step(pool, target - len(replicas)))
        elif len(replicas) > target:
            idlest = sorted(replicas, key=lambda name: (replicas[name], name))
            steps.append(Step(pool, 0, tuple(idlest[: len(replicas) - target])))
    return steps


def running_by_replica() -> dict[str, int]:
    """Return Celery node name -> tasks it runs, for choosing who leaves."""
    return {worker.worker_id.partition("#")[0].partition("@")[0]: worker.running for worker in roster.workers()}
