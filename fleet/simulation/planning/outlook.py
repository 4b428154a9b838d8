"""How much will come next month, and how far can that be trusted?

Days are divided by their weekday's share (from two weeks on); a line is fitted to the last four weeks and followed only
when it is not flat beyond chance, and never further ahead than the past reaches back. The interval holds the month's
total with 95 % confidence if the days go on scattering as they did. The same method, given only the earlier days,
forecasts the latest ones: that error is measured, not assumed. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from fleet.costs.trends import CONFIDENCE, Interval, trend
from fleet.simulation.scaling.workload import Floats

FEWEST_DAYS, SEASON_DAYS, FIT_DAYS = 3, 14, 28
MOST_GROWTH = 4.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """A month ahead, in units of what was counted."""

    days_known: int
    usual_day: float
    """Mean of the last days, at most 28."""
    total: Interval
    growth: float
    """A mean day of that month against the usual day."""
    direction: Literal["rising", "falling", "flat", "unknown"]
    tested_days: int
    tested_error: float | None
    """Forecast of the last days from those before, against what came: 0.1 is 10 % off. None: too few days to test."""


def outlook(days: Floats, gap: int, length: int) -> Outlook | None:
    """Return the forecast of `length` days that begin `gap` days after the last known one; None below three days."""
    if len(days) < FEWEST_DAYS or not days.any():
        return None
    value, spread, growth, direction = _ahead(days, gap, length)
    held_out = len(days) // 3 if len(days) >= 2 * FEWEST_DAYS else 0
    error = None
    if held_out and (came := float(days[-held_out:].sum())) > 0:
        error = abs(_ahead(days[:-held_out], 0, held_out)[0] / came - 1.0)
    usual = float(days[-FIT_DAYS:].mean())
    band = Interval(value, max(value - spread, 0.0), value + spread)
    return Outlook(len(days), usual, band, growth, direction, held_out, error)


def _ahead(
    days: Floats, gap: int, length: int
) -> tuple[float, float, float, Literal["rising", "falling", "flat", "unknown"]]:
    """Return total, half width of its interval, growth and direction."""
    share = _weekdays(days)
    recent = days[-FIT_DAYS:]
    level = recent / share[(np.arange(len(days) - len(recent), len(days))) % 7]
    line, n, mean = trend(level), len(level), float(level.mean())
    steps = np.arange(gap + 1, gap + length + 1, dtype=float)
    expected = np.full(length, mean)
    if line.direction in ("rising", "falling"):
        # The fitted line's end, continued no further than the past is long.
        expected = mean + line.slope.value * ((n - 1) / 2 + np.minimum(steps, n))
        expected = np.clip(expected, mean / MOST_GROWTH, mean * MOST_GROWTH)
    weights = share[(len(days) + gap + np.arange(length)) % 7]
    total = float((expected * weights).sum())
    scatter = float(level.std(ddof=1)) if n > 1 else mean
    spread = float(stdtrit(max(n - 1, 1), (1 + CONFIDENCE) / 2)) * scatter * float(np.sqrt(length + length**2 / n))
    return total, spread, float(expected.mean()) / mean if mean else 1.0, line.direction


def _weekdays(days: Floats) -> Floats:
    """Return each weekday's share of a mean day (index: position modulo 7); ones while two weeks are not known."""
    if len(days) < SEASON_DAYS or not days.mean():
        return np.ones(7)
    means = np.asarray([days[start::7].mean() for start in range(7)]) / days.mean()
    # Half-way to one: seven shares from a few weeks are noisy themselves. Never zero, a level is divided by it.
    return np.asarray(np.maximum((means + 1.0) / 2.0, 0.05))
