"""What was spent, on what, where is it heading, and what is unusual about it?

Pure over ledger columns: the same numbers for the report, the cost job, alerts and tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fleet.costs.baselines import Anomaly, Success, anomalies, by_task, successes
from fleet.costs.downgrade import DEFAULT_RULES
from fleet.costs.entries import NAMES, Columns
from fleet.costs.money import usd
from fleet.costs.suggestions import Suggestion, suggest
from fleet.costs.trends import (
    DAY_MS,
    Interval,
    Trend,
    burn_rate,
    daily_sums,
    month_start,
    project_month,
    trend,
    whole_days,
)


@dataclass(frozen=True, slots=True)
class Analysis:
    """Spending at one moment; amounts in micro-dollars, days as UTC dates."""

    at: int
    entries: int
    tokens: int
    total: int
    replica_total: int
    daily: Mapping[str, int]
    daily_average: float
    trend: Trend
    burn_per_hour: float
    month_spent: int
    month_limit: int | None
    projection: Interval
    breakdown: Mapping[str, Mapping[str, int]]
    anomalies: tuple[Anomaly, ...]
    per_success: tuple[Success, ...]
    suggestions: tuple[Suggestion, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the analysis with amounts in USD, ready for JSON."""
        return {
            "at": datetime.fromtimestamp(self.at / 1000, tz=UTC).isoformat(),
            "entries": self.entries,
            "tokens": self.tokens,
            "total_usd": _usd(self.total),
            "replica_usd": _usd(self.replica_total),
            "daily_usd": {day: _usd(micros) for day, micros in self.daily.items()},
            "daily_average_usd": _usd(self.daily_average),
            "trend": {
                "days": self.trend.days,
                "direction": self.trend.direction,
                "usd_per_day_each_day": _interval(self.trend.slope),
            },
            "burn_rate_usd_per_hour": _usd(self.burn_per_hour),
            "month": {
                "spent_usd": _usd(self.month_spent),
                "limit_usd": None if self.month_limit is None else _usd(self.month_limit),
                "projected_usd": _interval(self.projection),
            },
            "breakdown_usd": {by: {n: _usd(m) for n, m in rows.items()} for by, rows in self.breakdown.items()},
            "anomalies": [
                {
                    "task_type": a.task_type,
                    "what": a.what,
                    "usual_usd": _usd(a.usual),
                    "now_usd": _usd(a.now),
                    "score": round(a.score, 1),
                }
                for a in self.anomalies
            ],
            "per_successful_task": [
                {
                    "task_type": s.task_type,
                    "tasks": s.tasks,
                    "succeeded": s.succeeded,
                    "usd": None if s.cost is None else _interval(s.cost),
                }
                for s in self.per_success
            ],
            "suggestions": [
                {"kind": s.kind, "severity": s.severity, "text": s.text, "saves_usd": _usd(s.saves)}
                for s in self.suggestions
            ],
        }


def analyse(
    entries: Columns, now_ms: int, *, month_limit: int | None = None, rules: Mapping[str, str] = DEFAULT_RULES
) -> Analysis:
    """Analyse ledger entries as of a moment; `month_limit` is the organisation's, when it has one."""
    first, sums = daily_sums(entries.at, entries.micros)
    days = whole_days(first, sums, now_ms)
    month_spent = int(entries.micros[entries.at >= month_start(now_ms)].sum())
    projection = project_month(month_spent, days, now_ms)
    line = trend(days)
    tasks = by_task(entries)
    type_names = entries.names["task_type"]
    breakdown = {name: _by(entries, name) for name in NAMES}
    return Analysis(
        at=now_ms,
        entries=len(entries),
        tokens=int(entries.tokens.sum()),
        total=int(entries.micros.sum()),
        replica_total=int(entries.micros[entries.replica].sum()),
        daily={_date(first + index): int(micros) for index, micros in enumerate(sums)},
        daily_average=float(sums.mean()) if len(sums) else 0.0,
        trend=line,
        burn_per_hour=burn_rate(entries.at, entries.micros, now_ms),
        month_spent=month_spent,
        month_limit=month_limit,
        projection=projection,
        breakdown=breakdown,
        anomalies=tuple(anomalies(tasks, type_names, now_ms)),
        per_success=tuple(successes(tasks, type_names)),
        suggestions=tuple(
            suggest(
                {model: micros for model, micros in breakdown["model"].items() if model},
                line,
                month_spent,
                month_limit,
                projection,
                rules,
            )
        ),
    )


def _by(entries: Columns, name: str) -> dict[str, int]:
    names = entries.names[name]
    sums = np.bincount(entries.codes[name], weights=entries.micros, minlength=len(names)).astype(np.int64)
    return {names[code]: int(sums[code]) for code in np.argsort(-sums, kind="stable")}


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1000, tz=UTC).strftime("%Y-%m-%d")


def _usd(micros: float) -> str:
    return str(usd(round(micros)))


def _interval(interval: Interval) -> dict[str, str]:
    return {"value": _usd(interval.value), "low": _usd(interval.low), "high": _usd(interval.high)}
