"""How much work will arrive while a new replica starts?

Two scales look at the same history: a short mean that sees a change within a minute, and a long one that is precise.
The short one is believed only when it differs by more than the noise explains; a steady slope is followed a start-up
time ahead. Rows are pools, columns are ticks, newest last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ForecastSettings:
    """What counts as recent, as usual and as a change."""

    short_ticks: int = 3
    long_ticks: int = 40
    change: float = 1.5
    """Standard deviations of the short mean that make a change."""
    easing: float = 0.5
    """Standard deviations kept above the short mean when demand falls."""
    lookahead_seconds: float = 75.0
    """Start-up time plus one tick."""
    least_dispersion: float = 1.0
    most_dispersion: float = 4.0
    silence: float = 5.0
    """Tasks that should have come since the last one, dispersion allowed for, before demand counts as over."""
    pauses: float = 2.0
    """How much longer than any pause so far a silence must be: work that comes in waves is not over between two."""
    seasonal_share: float = 0.9
    """How much of what history expects is always provided for."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Load expected, and how unevenly it arrives; arrays over pools."""

    load: Floats
    short: Floats
    long: Floats
    deviation: Floats
    dispersion: Floats
    signal: NDArray[np.int8]
    """Index into SIGNALS: what decided."""


SIGNALS = ("steady", "rising at once", "falling at once", "trend", "season", "silent")


def matrix(rows: list[tuple[float, ...]], ticks: int) -> tuple[Floats, Ints]:
    """Return histories as one matrix, right-aligned and zero-padded, and how many ticks each row knows."""
    known = np.fromiter((min(len(row), ticks) for row in rows), dtype=np.int64, count=len(rows))
    if len(rows) and int(known.min()) == ticks:
        return np.asarray([row[-ticks:] for row in rows], dtype=float), known
    loads = np.zeros((len(rows), ticks))
    for index, row in enumerate(rows):
        if row:
            loads[index, ticks - known[index] :] = row[-ticks:]
    return loads, known


def forecast(
    loads: Floats,
    known: Ints,
    size: Floats,
    size_square: Floats,
    tick_seconds: float,
    seasonal: Floats,
    settings: ForecastSettings,
) -> Forecast:
    """Return the load to staff for; `size` and `size_square` are the mean predicted work and its mean square."""
    s = settings
    ticks = loads.shape[1]
    seen = np.arange(ticks) >= (ticks - known)[:, None]
    count = np.maximum(known, 1)
    recent = np.clip(known, 1, s.short_ticks)
    long = loads.sum(axis=1) / count
    short = loads[:, ticks - s.short_ticks :].sum(axis=1) / recent
    spread = np.where(seen, loads - long[:, None], 0.0)
    variance = (spread**2).sum(axis=1) / np.maximum(known - 1, 1)
    grain = size_square / np.maximum(size, 1e-9)
    poisson = np.maximum(long * grain / tick_seconds, 1e-12)
    enough = known >= 8
    dispersion = np.clip(
        np.where(enough, variance / poisson, s.least_dispersion), s.least_dispersion, s.most_dispersion
    )
    deviation = np.sqrt(dispersion * long * grain / (s.short_ticks * tick_seconds))

    half = ticks // 2
    newer = loads[:, ticks - half :].sum(axis=1) / np.clip(known, 1, half)
    older = loads[:, :half].sum(axis=1) / np.maximum(known - half, 1)
    half_seconds = half * tick_seconds
    slope = np.where(known == ticks, (newer - older) / half_seconds, 0.0)
    slope_noise = np.sqrt(2.0 * dispersion * long * grain / half_seconds) / half_seconds
    ahead = long + slope * (half_seconds + s.lookahead_seconds)

    up = (short > long + s.change * deviation) | ~enough
    down = ~up & (short < long - s.change * deviation)
    trend = ~up & ~down & (np.abs(slope) > slope_noise)
    quiet, longest = silences(loads)
    before = loads.sum(axis=1) / np.maximum(known - quiet, 1)
    missed = quiet * tick_seconds * before / np.maximum(size, 1e-9) / dispersion
    silent = (quiet >= s.short_ticks) & (quiet > s.pauses * longest) & (missed > s.silence)
    load = np.select([silent, up, down, trend], [0.0 * short, short, short + s.easing * deviation, ahead], long)
    signal = np.select([silent, up, down, trend], [5, 1, 2, 3], 0)
    floor = s.seasonal_share * seasonal
    signal = np.where(floor > load, 4, signal).astype(np.int8)
    return Forecast(np.maximum(np.maximum(load, floor), 0.0), short, long, deviation, dispersion, signal)


def silences(loads: Floats) -> tuple[Ints, Ints]:
    """Return, per row, the ticks without work at the end, and the longest such run between two ticks with work."""
    rows, ticks = loads.shape
    run, longest = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    begun = np.zeros(rows, dtype=bool)
    for tick in range(ticks):
        came = loads[:, tick] > 0.0
        longest = np.where(came & begun, np.maximum(longest, run), longest)
        run = np.where(came, 0, run + 1)
        begun |= came
    return run, longest
