"""How is a plan made? (the past is read once; everything after it is arithmetic on values)"""

from __future__ import annotations

import time
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np

from fleet.catalogue import Catalogue
from fleet.scaling.refresh import decision_settings
from fleet.settings import Settings
from fleet.simulation.planning import trials
from fleet.simulation.planning.outlook import FEWEST_DAYS, Outlook, outlook
from fleet.simulation.planning.past import Past
from fleet.simulation.planning.plan import MoneyPlan, Plan, PoolPlan, proposals, reached_on, settled
from fleet.simulation.scaling.pool_values import PoolShape
from fleet.simulation.scaling.workload import DAY, Floats, Workload


def plan(
    past: Past,
    catalogue: Catalogue,
    settings: Settings,
    startup_seconds: tuple[float, float] = (30.0, 60.0),
    pool: str | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Plan:
    """Return the plan for the calendar month after the past's last day."""
    today = datetime.fromtimestamp(past.now, tz=UTC).date()
    month = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    length = monthrange(month.year, month.month)[1]
    # Days from the last whole one, which is yesterday, to the day before the month begins.
    gap = (month - today).days
    names = [pool] if pool else list(catalogue.pools)
    pools = []
    for name in names:
        pools.append(_pool(past, catalogue, settings, name, startup_seconds, gap, length, seed))
        progress(f"{name} backtested")
    return Plan(
        f"{month:%Y-%m}", length, time.time(), (past.now - past.first) / DAY, past.is_cut, past.silent, tuple(pools),
        _money(past, gap, length),
    )  # fmt: skip


def _pool(
    past: Past, catalogue: Catalogue, settings: Settings, name: str, startup: tuple[float, float], gap: int, length: int, seed: int
) -> PoolPlan:  # fmt: skip
    declared, allowed = catalogue.pools[name], settings.scaling.violation_share
    days = past.days(name)
    tasks = outlook(days, gap, length)
    played, labels, why = _days(past, name, days, tasks, seed)
    if not played:
        return PoolPlan(name, tasks, (), allowed, (), (), why)
    shape = PoolShape(
        declared.slots, declared.min_replicas, declared.max_replicas, startup, declared.price_per_replica_hour_usd,
        declared.wait_goal_seconds or settings.scaling.wait_goal_seconds,
    )  # fmt: skip
    deciding = decision_settings(settings.scaling)
    now = trials.tried(trials.Candidate({}, shape, deciding), played, seed)
    if now is None:
        why = f"with its present settings (max_replicas {declared.max_replicas}) tasks of these days would never run"
        return PoolPlan(name, tasks, labels, allowed, (), (), why)
    others = [trials.tried(one, played, seed) for one in trials.candidates(name, shape, deciding, allowed, now)]
    found = [now, *(settled(trial) for trial in others if trial is not None)]
    return PoolPlan(name, tasks, labels, allowed, tuple(found), proposals(found, allowed, length), why)


def _days(
    past: Past, name: str, counts: Floats, tasks: Outlook | None, seed: int
) -> tuple[list[Workload], tuple[str, ...], str]:
    """Return the busiest and the usual whole day, scaled to the forecast; the reason when there are none."""
    if not len(counts) or counts.max() < trials.FEWEST_TASKS:
        need = f"a backtest needs one whole day (UTC) with {trials.FEWEST_TASKS} tasks"
        return [], (), f"{need}; the history holds {len(counts)} whole days, the busiest with {max(counts, default=0):.0f}"
    growth = tasks.growth if tasks else 1.0
    begin = int(np.ceil(past.first / DAY))
    busiest = int(counts.argmax())
    usual = int(np.argsort(counts, kind="stable")[len(counts) // 2])
    usual = usual if counts[usual] >= trials.FEWEST_TASKS else busiest
    chosen = [busiest] if busiest == usual else [busiest, usual]
    labels = [f"{date.fromordinal(date(1970, 1, 1).toordinal() + begin + index)} x {growth:.2f}" for index in chosen]
    why = "" if tasks else f"no forecast: it needs {FEWEST_DAYS} whole days, there are {len(counts)}; days are played as they were"
    return [trials.scaled(past.day(name, index), growth, seed, labels[n]) for n, index in enumerate(chosen)], tuple(labels), why


def _money(past: Past, gap: int, length: int) -> MoneyPlan:
    calls, replicas = outlook(past.paid_calls, gap, length), outlook(past.replica_time, gap, length)
    total = sum(one.total.value for one in (calls, replicas) if one is not None)
    budgets = tuple((name, limit, reached_on(limit, total, length)) for name, limit in sorted(past.month_limits.items()))
    return MoneyPlan(calls, replicas, budgets)
