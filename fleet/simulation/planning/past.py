"""What is known of the past: which tasks came to which pool, and what each day cost?

Tasks come from the bounded history of ended tasks, money from the durable ledger, which reaches further back. What the
history lost at its beginning is said, not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fleet.costs import budget_store
from fleet.costs.budgets import Window
from fleet.costs.durable import DurableLedger, ledger_url
from fleet.costs.trends import DAY_MS, daily_sums, whole_days
from fleet.settings import Settings
from fleet.simulation.scaling.workload import DAY, Floats
from fleet.store import keys
from fleet.store.client import Client, available

PAGE = 10_000
MOST_DAYS = 92


@dataclass(frozen=True, slots=True)
class PoolPast:
    """What one pool ran: when each task was submitted (seconds since 1970, ascending) and how long it ran."""

    submitted: Floats
    seconds: Floats


@dataclass(frozen=True, slots=True)
class Past:
    """Everything a plan rests on; whole UTC days only where days are counted."""

    now: float
    first: float
    """The earliest submission the history still holds; `now` when it holds none."""
    is_cut: bool
    """Whether the history is full, so that older tasks have left it."""
    pools: Mapping[str, PoolPast]
    silent: int
    """Tasks that ended without having run: they say nothing about service times."""
    paid_calls: Floats
    """Micro-dollars per whole day, oldest first."""
    replica_time: Floats
    """Micro-dollars of replica time booked to tasks, per whole day."""
    month_limits: Mapping[str, int]
    """Monthly budgets that guard every task: name -> micro-dollars."""

    def days(self, pool: str) -> Floats:
        """Return how many tasks the pool ran per whole day, oldest first; days without any are zeros."""
        today, start = int(self.now // DAY), int(np.ceil(self.first / DAY))
        if start >= today or pool not in self.pools:
            return np.zeros(0)
        day = (self.pools[pool].submitted // DAY).astype(int) - start
        return np.bincount(day[(day >= 0) & (day < today - start)], minlength=today - start).astype(float)

    def day(self, pool: str, index: int) -> PoolPast:
        """Return the tasks of one whole day; the index is that of `days`."""
        begin = (int(np.ceil(self.first / DAY)) + index) * DAY
        held = self.pools[pool]
        inside = (held.submitted >= begin) & (held.submitted < begin + DAY)
        return PoolPast(held.submitted[inside] - begin, held.seconds[inside])


def gather(client: Client, settings: Settings, pools: Mapping[str, Any]) -> Past:
    """Read the history, the ledger and the budgets."""
    with available():
        seconds, micros = client.time()
    now = float(seconds) + float(micros) / 1e6
    since = now - MOST_DAYS * DAY
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in pools}
    first, silent, count, last = now, 0, 0, f"{int(since * 1000)}-0"
    while True:
        with available():
            page: Any = client.xrange(f"{keys.prefix(settings.cell)}history", min=last, count=PAGE)
        for _, row in page:
            submitted = float(row.get("submitted") or 0.0)
            if not row.get("started") or float(row["ended"]) <= float(row["started"]):
                silent += 1
            elif submitted >= since and row.get("pool") in rows:
                rows[row["pool"]].append((submitted, float(row["ended"]) - float(row["started"])))
                first = min(first, submitted)
        count += len(page)
        if len(page) < PAGE:
            break
        last = f"({page[-1][0]}"
    full = count >= settings.telemetry.history_tasks * 0.99
    calls, replicas = _daily_money(settings, now)
    return Past(
        now, first, full, {name: _pool(found) for name, found in rows.items() if found}, silent, calls, replicas,
        _month_limits(client, settings.cell),
    )  # fmt: skip


def _pool(found: list[tuple[float, float]]) -> PoolPast:
    table = np.asarray(sorted(found))
    return PoolPast(np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1]))


def _daily_money(settings: Settings, now: float) -> tuple[Floats, Floats]:
    durable = DurableLedger(ledger_url(settings))
    try:
        entries = durable.columns(since=int((now - MOST_DAYS * DAY) * 1000))
    finally:
        durable.close()
    first = int(entries.at.min()) // DAY_MS if len(entries) else 0
    found = []
    for kind in (~entries.replica, entries.replica):
        begin, sums = daily_sums(entries.at[kind], entries.micros[kind])
        padded = np.concatenate([np.zeros(max(begin - first, 0), dtype=np.int64), sums]) if len(sums) else sums
        found.append(whole_days(first, padded, int(now * 1000), MOST_DAYS) if len(entries) else np.zeros(0))
    return found[0], found[1]


def _month_limits(client: Client, cell: str) -> dict[str, int]:
    everyone = {name for name, (budget, _) in budget_store.declared(client, cell).items() if budget.guards("*", "*")}
    return {
        fill.budget: fill.limit
        for fill in budget_store.show(client, cell)
        if fill.budget in everyone and fill.window is Window.MONTH
    }
