"""Where is spending heading?

Daily sums, the least-squares line through the last seven whole days, and what the month will cost if the days stay as
they are. Every figure that looks ahead carries an interval.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

DAY_MS = 86_400_000
TREND_DAYS = 7
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the range that holds the true value with 95 % confidence; micro-dollars."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Trend:
    """The line through the last whole days: micro-dollars per day gained each day."""

    days: int
    slope: Interval
    direction: Literal["rising", "falling", "flat", "unknown"]


def daily_sums(at: NDArray[np.int64], micros: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """Return the first day (days since the epoch, UTC) and the sum of every day since, empty days included."""
    if not len(at):
        return 0, np.zeros(0, dtype=np.int64)
    day = at // DAY_MS
    first = int(day.min())
    # Bin sums in floats are exact here: 2^53 micro-dollars are nine billion dollars a day.
    sums = np.bincount(day - first, weights=micros).astype(np.int64)
    return first, sums


def whole_days(first: int, sums: NDArray[np.int64], now_ms: int, count: int = TREND_DAYS) -> NDArray[np.float64]:
    """Return the last `count` days before today; days since the first entry that saw none are zero."""
    today = now_ms // DAY_MS
    start = max(first, today - count) if len(sums) else today
    days = np.zeros(max(today - start, 0))
    for index in range(len(days)):
        position = start + index - first
        if position < len(sums):
            days[index] = sums[position]
    return days


def trend(days: NDArray[np.float64]) -> Trend:
    """Fit the line; rising or falling only when its interval excludes a flat one."""
    n = len(days)
    if n < 3:
        return Trend(n, Interval(0.0, 0.0, 0.0), "unknown")
    x = np.arange(n) - (n - 1) / 2
    slope = float(x @ days / (x @ x))
    residual = days - days.mean() - slope * x
    error = float(np.sqrt(residual @ residual / (n - 2) / (x @ x)))
    half = float(stdtrit(n - 2, (1 + CONFIDENCE) / 2)) * error
    # Rounding noise of equal days is not a trend.
    least = 1e-9 * max(float(days.mean()), 1.0)
    direction: Literal["rising", "falling", "flat"] = "flat"
    if slope - half > least:
        direction = "rising"
    elif slope + half < -least:
        direction = "falling"
    return Trend(n, Interval(slope, slope - half, slope + half), direction)


def burn_rate(at: NDArray[np.int64], micros: NDArray[np.int64], now_ms: int) -> float:
    """Return micro-dollars per hour over the last day."""
    recent = (at >= now_ms - DAY_MS) & (at < now_ms)
    return float(micros[recent].sum()) / 24


def month_start(now_ms: int) -> int:
    """Return the first millisecond (UTC) of the month."""
    now = datetime.fromtimestamp(now_ms / 1000, tz=UTC)
    return int(now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def month_end(now_ms: int) -> int:
    """Return the first millisecond (UTC) after the month."""
    start = datetime.fromtimestamp(month_start(now_ms) / 1000, tz=UTC)
    return int((start + timedelta(days=monthrange(start.year, start.month)[1])).timestamp() * 1000)


def project_month(spent: int, days: NDArray[np.float64], now_ms: int) -> Interval:
    """Return this month's total: spent so far plus what is left of the month at the rate of the last whole days."""
    left = (month_end(now_ms) - now_ms) / DAY_MS
    n = len(days)
    if n == 0:
        elapsed = max((now_ms - month_start(now_ms)) / DAY_MS, 1 / 24)
        value = spent + left * spent / elapsed
        return Interval(value, float(spent), value + left * spent / elapsed)
    value = spent + left * float(days.mean())
    if n < 2:
        return Interval(value, float(spent), value + left * float(days.mean()))
    # The sum of `left` new days with an unknown mean: their own scatter and that of the mean.
    half = (
        float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * float(days.std(ddof=1)) * float(np.sqrt(left + left * left / n))
    )
    return Interval(value, max(value - half, float(spent)), value + half)
