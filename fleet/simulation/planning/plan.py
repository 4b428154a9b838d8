"""Which changes does the evidence support? Pure: trials and forecasts in, proposals out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fleet.simulation.planning.outlook import Outlook
from fleet.simulation.planning.trials import OPEN, Trial

WORTH_SHARE, WORTH_USD = 0.02, 0.01
SPARE = 1.25
"""A proposed maximum leaves this much room above the most the busiest day needed."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change, what it does to waits and money in the backtest, and why it is proposed."""

    kind: Literal["keeps the promise", "saves money", "trades waits for money"]
    changes: Mapping[str, str]
    why: str
    before: Trial
    after: Trial
    usd_a_month: float
    """What it saves; negative: what it costs more."""


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """One pool's month."""

    pool: str
    tasks: Outlook | None
    days_played: tuple[str, ...]
    allowed_late_share: float
    trials: tuple[Trial, ...]
    proposals: tuple[Proposal, ...]
    unknown: str = ""
    """Why there is no forecast or no backtest, and what would be needed."""


@dataclass(frozen=True, slots=True)
class MoneyPlan:
    """The month's bill in micro-dollars, and what it does to a budget."""

    paid_calls: Outlook | None
    replica_time: Outlook | None
    budgets: tuple[tuple[str, int, float], ...]
    """(name, limit, day of the month on which the forecast reaches it; above the month's length: it holds)"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What next month is expected to need."""

    month: str
    month_days: int
    made_at: float
    history_days: float
    is_cut: bool
    silent_tasks: int
    pools: tuple[PoolPlan, ...]
    money: MoneyPlan


def proposals(trials: Sequence[Trial], allowed: float, month_days: int) -> tuple[Proposal, ...]:
    """Return what is worth changing; the first trial is the settings as they are."""
    now, *others = trials
    found: list[Proposal] = []
    if now.late_share > allowed:
        kept = [trial for trial in others if trial.late_share <= allowed and not trial.relaxes_promise]
        best = min(kept, key=_usd_then_hours, default=None) or min(others, key=lambda t: t.late_share, default=None)
        if best is not None and best.late_share < now.late_share:
            found.append(_proposal("keeps the promise", now, best, month_days, allowed))
        return tuple(found)
    for trial in sorted(others, key=_usd_then_hours):
        if trial.late_share <= allowed and not trial.relaxes_promise and _saves(now, trial):
            found.append(_proposal("saves money", now, trial, month_days, allowed))
            break
    for trial in sorted(others, key=_usd_then_hours):
        if trial.relaxes_promise and _saves(now, trial):
            found.append(_proposal("trades waits for money", now, trial, month_days, allowed))
            break
    return tuple(found)


def settled(trial: Trial) -> Trial:
    """Give an open maximum its number: what the busiest day needed, and some room."""
    changes = {
        name: str(math.ceil(trial.most_replicas * SPARE)) if value == OPEN else value
        for name, value in trial.changes.items()
    }
    return Trial(
        changes, trial.late_share, trial.wait_p99_seconds, trial.replica_hours_a_day, trial.usd_a_day,
        trial.most_replicas, trial.least_replicas, trial.relaxes_promise,
    )  # fmt: skip


def reached_on(limit: int, total: float, month_days: int) -> float:
    """Return the day of the month on which an even spending of `total` reaches the limit."""
    return math.inf if total <= 0 else 1.0 + limit / (total / month_days)


def _proposal(
    kind: Literal["keeps the promise", "saves money", "trades waits for money"],
    now: Trial, best: Trial, month_days: int, allowed: float,
) -> Proposal:  # fmt: skip
    saved = (now.usd_a_day - best.usd_a_day) * month_days
    why = (
        f"late tasks {now.late_share:.2%} -> {best.late_share:.2%} (allowed {allowed:.2%}), "
        f"{now.replica_hours_a_day:.1f} -> {best.replica_hours_a_day:.1f} replica-hours on a usual day"
    )
    if kind == "keeps the promise" and best.late_share > allowed:
        why += "; the promise is still missed: more than one thing must change, or the goal"
    return Proposal(kind, best.changes, why, now, best, saved)


def _saves(now: Trial, other: Trial) -> bool:
    return (
        now.usd_a_day - other.usd_a_day > WORTH_USD
        and now.replica_hours_a_day - other.replica_hours_a_day > WORTH_SHARE * now.replica_hours_a_day
    )


def _usd_then_hours(trial: Trial) -> tuple[float, float]:
    return trial.usd_a_day, trial.replica_hours_a_day
