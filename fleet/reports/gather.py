"""Where do a report's numbers come from? Only from what the fleet recorded."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from fleet import catalogue
from fleet.alerts import incidents
from fleet.clock import utc
from fleet.costs.durable import DurableLedger, ledger_url
from fleet.costs.job import CostReport, current_report
from fleet.costs.ledger import roll_up
from fleet.dispatcher import tasks
from fleet.errors import FleetError
from fleet.registry import roster
from fleet.reports import machines, plan_kept
from fleet.reports.facts import SECONDS, Facts, Period, Pool, Span, Work
from fleet.scaling.cluster import connected, own_namespace
from fleet.scaling.target_store import TargetStore
from fleet.secrets import audit, cluster_ages, upkeep
from fleet.settings import Settings, current
from fleet.simulation.planning import past as planning
from fleet.simulation.planning.outlook import Outlook, outlook
from fleet.store import keys
from fleet.store.client import Client, available, connect

FAILED = ("failed", "dead")
MOST_INCIDENTS, MOST_AUDITED, MOST_POINTS = 5_000, 20_000, 400
NEXT_DAYS = 30


def gather(span: Span, now: float | None = None) -> Facts:
    """Read the period that ends now and the one before it."""
    settings, client = current(), connect()
    end = time.time() if now is None else now
    start = end - SECONDS[span]
    first = start - SECONDS[span]
    ended = tasks.search(since=first, limit=settings.telemetry.history_tasks)
    full = len(ended) < settings.telemetry.history_tasks * 0.99
    durable = DurableLedger(ledger_url(settings))
    try:
        roll_up(client, settings.cell, durable)
        money = durable.columns(since=int(first * 1000))
        costs = current_report(client, settings.cell, durable)
    finally:
        durable.close()
    told = incidents.history(client, settings.cell, MOST_INCIDENTS)
    denied = [
        entry.at
        for entry in audit.newest(MOST_AUDITED)
        if entry.action.startswith("login") and entry.outcome == "denied"
    ]

    def period(since: float, until: float) -> Period:
        spent = Counter[str]()
        inside = (money.at >= since * 1000) & (money.at < until * 1000)
        for code, micros in zip(money.codes["task_type"][inside], money.micros[inside], strict=True):
            spent[money.names["task_type"][code]] += int(micros)
        rows = [row for row in ended if since <= row.ended_at < until]
        reaches = full or bool(ended and ended[-1].ended_at <= since)
        fired = [row for row in told if since <= row["at"] < until and row["kind"] == "firing"]
        return Period(
            since, until, _work(rows, settings.scaling.wait_goal_seconds, reaches), spent.total(), dict(spent), fired,
            sum(since <= _seconds(at) < until for at in denied),
        )  # fmt: skip

    workers, (ages, unseen) = roster.workers(), _secrets(settings)
    return Facts(
        span, settings.cell, period(start, end), period(first, start), _slices(ended, start, end),
        dict(Counter(worker.status for worker in workers)), machines.look(workers),
        [(f"{fill.budget} ({fill.window})", fill.percent / 100) for fill in costs.budgets],
        [f"{odd.task_type}: {odd.what}" for odd in costs.analysis.anomalies],
        _projection(costs), [row.text for row in costs.analysis.suggestions], ages,
        [_pool(client, settings, name, start, ended) for name in catalogue.current().pools],
        settings.scaling.wait_goal_seconds, settings.scaling.violation_share, settings.reports,
        _drills(client, settings.cell, start),
        _work([row for row in ended if row.ended_at >= end - SECONDS["daily"]], settings.scaling.wait_goal_seconds, True),
        unseen, plan_kept.newest(settings, end), {} if span == "daily" else _forecasts(client, settings),
    )  # fmt: skip


def _work(rows: Sequence[tasks.Ended], goal: float, complete: bool) -> Work:
    answered = [row.ended_at - row.submitted_at for row in rows if row.started_at]
    waits = [row.started_at - row.submitted_at for row in rows if row.started_at]
    by_type = {
        name: (count, sum(row.state in FAILED for row in rows if row.task_type == name))
        for name, count in Counter(row.task_type for row in rows).items()
    }
    return Work(
        len(rows), sum(row.state in FAILED for row in rows), float(np.mean(answered)) if answered else None,
        float(np.percentile(answered, 95)) if answered else None, len(waits), sum(wait > goal for wait in waits), by_type, complete,
    )  # fmt: skip


def _slices(rows: Sequence[tasks.Ended], start: float, end: float) -> list[tuple[float, int, int]]:
    """Return 48 slices of the period: when, how many ended, how many of them failed."""
    width = (end - start) / 48
    total, failed = Counter[int](), Counter[int]()
    for row in rows:
        if start <= row.ended_at < end:
            index = int((row.ended_at - start) / width)
            total[index] += 1
            failed[index] += row.state in FAILED
    return [(start + index * width, total[index], failed[index]) for index in range(48)]


def _pool(client: Client, settings: Settings, name: str, since: float, ended: Sequence[tasks.Ended]) -> Pool:
    declared = catalogue.current().pools[name]
    goal = declared.wait_goal_seconds or settings.scaling.wait_goal_seconds
    waits = [row.started_at - row.submitted_at for row in ended if row.pool == name and row.started_at and row.ended_at >= since]
    past = TargetStore(client, settings.cell).history(name, since)
    sizes = [int(entry["replicas"]) for entry in past]
    step = max(1, len(past) // MOST_POINTS)
    points = [(float(e["at"]), int(e["replicas"]), int(e["ready"])) for e in past[::step]]
    limited = Counter(str(entry["binding"]) for entry in past)
    changes = sum(a != b for a, b in pairwise(sizes))
    return Pool(
        name, min(sizes, default=0), max(sizes, default=0), changes, sizes[-1] if sizes else 0, limited, points,
        len(waits), sum(wait > goal for wait in waits),
    )  # fmt: skip


def _projection(costs: CostReport) -> tuple[float, float, float] | None:
    ahead = costs.analysis.projection
    return (ahead.value / 1e6, ahead.low / 1e6, ahead.high / 1e6)


def _secrets(settings: Settings) -> tuple[dict[str, str] | None, str]:
    """Return secret -> verdict on its age, and why those of Kubernetes are not among them, in a cluster."""
    found: dict[str, str] = {} if settings.secrets.backend == "environment" else {age.path: age.verdict for age in upkeep.ages()}
    unseen = ""
    if (namespace := own_namespace()) is not None:
        try:
            found |= {age.path: age.verdict for age in cluster_ages.read(connected(), namespace, settings, utc(time.time()))}
        except FleetError as error:
            unseen = str(error)
    return found if found or settings.secrets.backend != "environment" else None, unseen


def _seconds(at: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(at).timestamp()


def _drills(client: Client, cell: str, since: float) -> list[dict[str, Any]]:
    with available():
        rows: Any = client.lrange(f"{keys.prefix(cell)}drills", 0, -1)
    return [row for row in map(json.loads, rows) if row["at"] >= since]


def _forecasts(client: Client, settings: Settings) -> dict[str, Outlook]:
    past = planning.gather(client, settings, catalogue.current().pools)
    ahead = {name: outlook(past.days(name), 0, NEXT_DAYS) for name in catalogue.current().pools}
    return {name: found for name, found in ahead.items() if found is not None}
