"""How does the fleet stand, in one value?

What an operator's page shows: pools with what they should and do have, what waits and how long, money, incidents, and
why tasks went where they went. Flower's Fleet tab, `fleet top`, the console and assistants show the same value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fleet import catalogue
from fleet.alerts import incidents
from fleet.alerts.sources import tasks as waiting
from fleet.alerts.states import Incident
from fleet.costs import budget_store, rate
from fleet.costs.money import usd
from fleet.dispatcher import dead_letters, pools, tasks
from fleet.dispatcher.pools import PoolStatus
from fleet.dispatcher.tasks import TaskRecord
from fleet.registry import roster
from fleet.registry.roster import WorkerRecord
from fleet.scaling.target_store import TargetStore
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import Client, available, connect

MOST_DEAD = 20
MOST_DECISIONS = 12
SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class PoolGlance:
    """A pool: replicas it should have and has, slots in use, how it does."""

    name: str
    agent_type: str
    target: int | None
    ready: int
    slots: int
    busy: int
    held: int
    """Tasks bound to it early; others wait in the lane of their task type."""
    success_rate: float
    service_seconds: float
    paused: str
    is_ejected: bool
    reason: str
    """Why the target is what it is."""
    target_age_seconds: float


@dataclass(frozen=True, slots=True)
class Lane:
    """Held tasks of one task type, and how long the oldest waits."""

    task_type: str
    held: int
    age_seconds: float
    paused: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a task went, and why."""

    at: float
    task_id: str
    task_type: str
    pool: str
    state: str
    strategy: str
    reason: str
    tenant: str


@dataclass(frozen=True, slots=True)
class OpenIncident:
    key: str
    severity: str
    status: str
    since: float
    acknowledged_by: str


@dataclass(frozen=True, slots=True)
class Glance:
    """The fleet at one moment, by the store's clock."""

    cell: str
    at: float
    emergency: Mapping[str, str]
    pools: tuple[PoolGlance, ...]
    lanes: tuple[Lane, ...]
    workers: tuple[WorkerRecord, ...]
    spent_last_hour_usd: str
    budgets: tuple[Mapping[str, Any], ...]
    incidents: tuple[OpenIncident, ...]
    decisions: tuple[Decision, ...]
    dead: tuple[TaskRecord, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def fleet_at_a_glance() -> Glance:
    """Read everything the page shows; some ten round trips, however large the fleet."""
    client, cell = connect(), current().cell
    targets = TargetStore(client, cell)
    now, wanted, workers = targets.now(), targets.all(), roster.workers()
    paused, emergency = _switches(client, cell)
    recent = [*tasks.live(10 * MOST_DECISIONS), *_ended(MOST_DECISIONS)]
    found = incidents.read(client, cell).incidents.values()
    return Glance(
        cell=cell,
        at=now,
        emergency=emergency,
        pools=tuple(pool_glance(row, wanted.get(row.name), workers, now) for row in pools.status()),
        lanes=_lanes(client, cell, now, paused),
        workers=tuple(workers),
        spent_last_hour_usd=str(usd(rate.last_hour(client, cell, current()))),
        budgets=tuple(fill.as_dict() for fill in budget_store.show(client, cell)),
        incidents=open_incidents(found),
        decisions=decisions(recent),
        dead=tuple(dead_letters.read(MOST_DEAD)),
    )


def pool_glance(
    row: PoolStatus, target: Mapping[str, Any] | None, workers: list[WorkerRecord], now: float
) -> PoolGlance:
    """Put a pool's counters, its target and its workers side by side."""
    return PoolGlance(
        name=row.name,
        agent_type=row.agent_type,
        target=int(target["replicas"]) if target else None,
        ready=sum(worker.pool == row.name and worker.status in ("idle", "busy") for worker in workers),
        slots=row.slots,
        busy=max(0, row.inflight),
        held=row.held,
        success_rate=row.success_rate,
        service_seconds=row.service_seconds,
        paused=row.paused,
        is_ejected=row.ejected_until > now,
        reason=str(target["reason"]) if target else "no target yet",
        target_age_seconds=max(0.0, now - float(target["computed_at"])) if target else 0.0,
    )


def open_incidents(found: Any) -> tuple[OpenIncident, ...]:
    """Return those that are open, worst first, the longest open before the newer."""
    still: list[Incident] = sorted(
        (one for one in found if one.is_open), key=lambda one: (SEVERITIES.index(one.severity), one.since)
    )
    return tuple(OpenIncident(one.key, one.severity, one.status, one.since, one.acknowledged_by) for one in still)


def decisions(recent: list[TaskRecord]) -> tuple[Decision, ...]:
    """Return the newest decisions about tasks that were sent to a pool, newest first."""
    sent = {record.task_id: record for record in recent if record.pool}.values()
    newest = sorted(sent, key=lambda record: -(record.released_at or record.submitted_at))[:MOST_DECISIONS]
    return tuple(
        Decision(
            record.released_at or record.submitted_at,
            record.task_id,
            record.task_type,
            record.pool,
            record.state,
            record.strategy,
            said(record),
            record.tenant,
        )
        for record in newest
    )


def said(record: TaskRecord) -> str:
    """Say in one line why a task went where it went, from what was recorded with the decision."""
    decision = record.decision
    others = [str(row["pool"]) for row in decision.get("candidates", ()) if row.get("pool") != record.pool]
    words = [f"held {float(decision.get('held', 0)):.2f} s, released by {decision.get('cause') or 'submit'}"]
    words.append(f"instead of {', '.join(others)}" if others else "the only pool that can")
    if record.attempt > 1:
        words.append(f"attempt {record.attempt}")
    if record.reason:
        words.append(record.reason)
    return "; ".join(words)


def _ended(count: int) -> list[TaskRecord]:
    found = [tasks.read(row.task_id) for row in tasks.search(limit=count)]
    return [record for record in found if record is not None]


def _lanes(client: Client, cell: str, now: float, paused: Mapping[str, str]) -> tuple[Lane, ...]:
    held: dict[str, float] = {}
    ages: dict[str, float] = {}
    for one in waiting.read(client, cell, now):
        labels = dict(one.labels)
        if one.name == "fleet_held_tasks":
            held[labels["task_type"]] = one.value
        elif one.name == "fleet_queue_age_seconds":
            ages[labels["task_type"]] = one.value
    names = sorted({*held, *(name for name in catalogue.current().task_types if name in paused)})
    return tuple(
        Lane(name, int(held.get(name, 0)), round(ages.get(name, 0.0), 1), paused.get(name, "")) for name in names
    )


def _switches(client: Any, cell: str) -> tuple[dict[str, str], dict[str, str]]:
    prefix = keys.prefix(cell)
    with available():
        return dict(client.hgetall(prefix + "paused")), dict(client.hgetall(prefix + "emergency"))
