"""What does a task of this type usually cost, what does a success cost, and is today unlike that?

A task type is compared only with itself. Median and MAD stand for the usual, because one runaway task must not move the
yardstick it is measured with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.costs.entries import Columns
from fleet.costs.trends import DAY_MS, Interval

BASELINE_DAYS = 28
# Robust z-score beyond which a day or a task counts as unlike its type.
UNUSUAL = 5.0
MAD_TO_SIGMA = 1.4826
# A type whose costs hardly vary is still allowed to wander by this much.
LEAST_SPREAD = 0.05


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One task type that costs unlike itself; amounts in micro-dollars."""

    task_type: str
    what: str
    usual: float
    now: float
    score: float

    @property
    def times(self) -> float:
        return self.now / self.usual if self.usual else float("inf")


@dataclass(frozen=True, slots=True)
class Success:
    """What one successful task of a type costs, failures and pool time included."""

    task_type: str
    tasks: int
    succeeded: int
    cost: Interval | None


@dataclass(frozen=True, slots=True)
class Tasks:
    """Entries summed up by task."""

    key: NDArray[np.int64]
    micros: NDArray[np.int64]
    last_at: NDArray[np.int64]
    task_type: NDArray[np.int32]
    ok: NDArray[np.int8]


def by_task(entries: Columns) -> Tasks:
    """Sum up entries by task; a task succeeded when any of its attempts did, and is open while none has an outcome."""
    order = np.argsort(entries.task, kind="stable")
    keys = entries.task[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, dtype=np.int64)
    if not len(starts):
        empty = np.zeros(0, dtype=np.int64)
        return Tasks(empty, empty, empty, empty.astype(np.int32), empty.astype(np.int8))
    return Tasks(
        key=keys[starts],
        micros=np.add.reduceat(entries.micros[order], starts),
        last_at=np.maximum.reduceat(entries.at[order], starts),
        task_type=entries.codes["task_type"][order][starts],
        ok=np.maximum.reduceat(entries.ok[order], starts),
    )


def robust_score(value: float, history: NDArray[np.float64]) -> tuple[float, float]:
    """Return the value's robust z-score against its history, and the history's median."""
    median = float(np.median(history))
    spread = MAD_TO_SIGMA * float(np.median(np.abs(history - median)))
    return (value - median) / max(spread, LEAST_SPREAD * abs(median), 1.0), median


def anomalies(tasks: Tasks, names: tuple[str, ...], now_ms: int) -> list[Anomaly]:
    """Compare every type's last day with its own days before: spend, cost per task, and single runaway tasks."""
    found: list[Anomaly] = []
    age = (now_ms - tasks.last_at) // DAY_MS
    in_reach = (age >= 0) & (age <= BASELINE_DAYS)
    for code, name in enumerate(names):
        mine = in_reach & (tasks.task_type == code)
        days, micros = age[mine], tasks.micros[mine]
        today = micros[days == 0]
        if not len(today) or len(np.unique(days)) < 8:
            continue
        counts = np.bincount(days, minlength=BASELINE_DAYS + 1)
        sums = np.bincount(days, weights=micros, minlength=BASELINE_DAYS + 1).astype(np.float64)
        oldest = int(days.max())
        found += _unlike(name, "spend per day", float(sums[0]), sums[1 : oldest + 1])
        used = counts > 0
        means = np.divide(sums, counts, out=np.zeros_like(sums), where=used)
        found += _unlike(name, "cost per task", float(means[0]), means[1:][used[1:]])
        # Costs of single tasks spread over orders of magnitude: compare their logarithms.
        past = np.log(np.maximum(micros[days > 0], 1))
        median = float(np.median(past))
        spread = max(MAD_TO_SIGMA * float(np.median(np.abs(past - median))), LEAST_SPREAD)
        worst = float(today.max())
        score = (float(np.log(max(worst, 1.0))) - median) / spread
        if score > UNUSUAL:
            found.append(Anomaly(name, "dearest task", float(np.exp(median)), worst, score))
    return sorted(found, key=lambda anomaly: -anomaly.score)


def successes(tasks: Tasks, names: tuple[str, ...]) -> list[Success]:
    """Return the cost per successful task of every type with known outcomes, with its 95 % interval."""
    answers = []
    for code, name in enumerate(names):
        ended = (tasks.task_type == code) & (tasks.ok >= 0)
        count, won = int(ended.sum()), int((tasks.ok[ended] == 1).sum())
        if count:
            cost = _ratio(tasks.micros[ended].astype(float), (tasks.ok[ended] == 1).astype(float)) if won else None
            answers.append(Success(name, count, won, cost))
    return answers


def _ratio(cost: NDArray[np.float64], won: NDArray[np.float64]) -> Interval:
    # Ratio of two sums over the same tasks: variance by linearisation.
    value = float(cost.sum() / won.sum())
    if len(cost) < 2:
        return Interval(value, value, value)
    scatter = float(np.std(cost - value * won, ddof=1)) * float(np.sqrt(len(cost))) / float(won.sum())
    return Interval(value, max(value - 1.96 * scatter, 0.0), value + 1.96 * scatter)


def _unlike(name: str, what: str, now: float, history: NDArray[np.float64]) -> list[Anomaly]:
    score, usual = robust_score(float(now), history)
    return [Anomaly(name, what, usual, float(now), score)] if score > UNUSUAL else []
