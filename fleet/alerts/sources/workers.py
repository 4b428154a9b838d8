"""Who works, how loaded, and who only pretends to?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, cast

from fleet.alerts.sources import Source
from fleet.catalogue.load import current as current_catalogue
from fleet.settings import current as current_settings
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.telemetry.metric import Sample, sample

FEWEST_OUTCOMES: Final = 10
"""A success rate over fewer outcomes says nothing yet."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker's record and its claimed tasks say."""

    id: str
    pool: str
    agent_type: str
    slots: int
    running: int
    beat_at: float
    claimed_at: float
    status: str

    @property
    def label(self) -> str:
        if self.status in ("failed", "maintenance"):
            return self.status
        return "busy" if self.running else "idle"


def read(client: Client, cell: str, now: float) -> Iterable[Sample]:
    """Yield roster, loads, heartbeats, ghosts, and the success rates the pools remember."""
    workers = roster(client, cell)
    waiting = _pools_with_released(client, cell)
    ghost_seconds = current_settings().health.ghost_seconds
    by_type, by_pool, ghosts = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[str]()
    oldest: dict[str, float] = defaultdict(float)
    for worker in workers:
        by_type[worker.agent_type, worker.label] += 1
        by_pool[worker.pool, worker.label] += 1
        oldest[worker.pool] = max(oldest[worker.pool], now - worker.beat_at)
        is_ghost = worker.label == "idle" and worker.pool in waiting and now - worker.claimed_at > ghost_seconds
        ghosts[worker.pool] += is_ghost
        yield sample("ai_agent_load", min(1.0, worker.running / max(1, worker.slots)), agent_id=worker.id)
    for (agent_type, status), count in by_type.items():
        yield sample("ai_agents_total", float(count), type=agent_type, status=status)
    for (pool, status), count in by_pool.items():
        yield sample("fleet_workers", float(count), pool=pool, status=status)
    for pool, age in oldest.items():
        yield sample("fleet_heartbeat_age_seconds", max(0.0, age), pool=pool)
        yield sample("fleet_ghost_workers", float(ghosts[pool]), pool=pool)
    yield from _success_rates(client, cell)


def roster(client: Client, cell: str) -> list[Worker]:
    """Return every registered worker, in two round trips."""
    prefix = keys.prefix(cell)
    with available():
        beats = cast("list[tuple[str, float]]", client.zrange(prefix + "workers", 0, -1, withscores=True))
        pipe = client.pipeline(transaction=False)
        for worker, _ in beats:
            pipe.hmget(f"{prefix}worker:{worker}", "pool", "agent_type", "slots", "status", "claimed", "registered")
            pipe.scard(f"{prefix}running:{worker}")
        rows = pipe.execute() if beats else []
    found = []
    for (worker, beat_at), record, running in zip(beats, rows[0::2], rows[1::2], strict=True):
        pool, agent_type, slots, status, claimed, registered = record
        claimed_at = float(claimed or registered or beat_at)
        agent = agent_type or _agent_type(pool)
        found.append(Worker(worker, pool or "", agent, int(slots or 1), running, beat_at, claimed_at, status or "idle"))
    return found


def _agent_type(pool: str | None) -> str:
    row = current_catalogue().pools.get(pool or "")
    return row.agent_type if row else "unknown"


def _pools_with_released(client: Client, cell: str) -> frozenset[str]:
    """Return pools for which a message waits to be claimed."""
    prefix = keys.prefix(cell)
    with available():
        ids = cast("list[str]", client.zrange(prefix + "released", 0, 999))
        pipe = client.pipeline(transaction=False)
        for task_id in ids:
            pipe.hget(f"{prefix}task:{task_id}", "pool")
        pools = pipe.execute() if ids else []
    return frozenset(pool for pool in pools if pool)


def _success_rates(client: Client, cell: str) -> Iterable[Sample]:
    """Yield per agent type the share of successes among the last 100 outcomes of each of its pools."""
    pools = current_catalogue().pools
    with available():
        pipe = client.pipeline(transaction=False)
        for name in pools:
            pipe.hget(f"{keys.prefix(cell)}stats:{name}", "outcomes")
        rows: list[str | None] = pipe.execute() if pools else []
    outcomes: dict[str, str] = defaultdict(str)
    for pool, row in zip(pools.values(), rows, strict=True):
        outcomes[pool.agent_type] += row or ""
    for agent_type, text in outcomes.items():
        if len(text) >= FEWEST_OUTCOMES:
            yield sample("ai_agent_success_rate", text.count("1") / len(text), agent_type=agent_type)


SOURCE = Source(
    "workers",
    (
        "ai_agents_total",
        "ai_agent_load",
        "ai_agent_success_rate",
        "fleet_workers",
        "fleet_heartbeat_age_seconds",
        "fleet_ghost_workers",
    ),
    read,
)
