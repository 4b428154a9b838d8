"""What happened to a series inside a window?

Pure: moments (samples at times) in, one number per series out. A counter that was absent at an earlier moment was zero
then, because the fleet's counters begin when they are first counted; a counter that fell was reset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
LEFT_EDGE = 1.25
"""A moment from before the window may serve as its left edge when it is less than a quarter window away."""


@dataclass(frozen=True, slots=True)
class Moment:
    """All samples taken at one time, by series name; a name that was looked at and had no series maps to nothing."""

    at: float
    series: Mapping[str, Vector]


@dataclass(frozen=True, slots=True)
class Table:
    """All series of one name over time: a row per moment that looked at it, a column per series, NaN where it was absent."""

    labels: tuple[Labels, ...]
    times: NDArray[np.float64]
    values: NDArray[np.float64]


def tabulate(moments: Sequence[Moment], name: str) -> Table:
    """Return the table of a name; a moment that did not look at it has no row."""
    looked = [(moment.at, moment.series[name]) for moment in moments if name in moment.series]
    labels = tuple(dict.fromkeys(found for _, series in looked for found in series))
    values = np.full((len(looked), len(labels)), np.nan)
    columns = {found: number for number, found in enumerate(labels)}
    for row, (_, series) in enumerate(looked):
        if series:
            values[row, [columns[found] for found in series]] = list(series.values())
    return Table(labels, np.array([at for at, _ in looked]), values)


def inside(table: Table, now: float, window: float) -> Table:
    """Return the rows of the window that ends now; none when the name was not looked at now."""
    end = int(np.searchsorted(table.times, now, side="right"))
    if not end or table.times[end - 1] != now:
        return Table(table.labels, table.times[:0], table.values[:0])
    first = int(np.searchsorted(table.times, now - window * LEFT_EDGE))
    while end - first > 2 and table.times[first + 1] <= now - window:
        first += 1
    return Table(table.labels, table.times[first:end], table.values[first:end])


def fold(function: str, table: Table, wanted: NDArray[np.bool_] | None, window: float) -> Vector:
    """Apply a window function to the wanted columns; a series that says nothing is left out."""
    if not len(table.times):
        return {}
    present = ~np.isnan(table.values)
    speaks = present.any(axis=0)
    if wanted is not None:
        speaks &= wanted
    if function in ("rate", "increase"):
        speaks &= present[-1]
    elif function == "delta":
        speaks &= present.sum(axis=0) > 1
    columns = np.flatnonzero(speaks)
    answers = _fold(function, table.times, table.values[:, columns], present[:, columns], window)
    return {} if answers is None else dict(zip([table.labels[n] for n in columns], answers.tolist(), strict=True))


def _fold(
    function: str, times: NDArray[np.float64], values: NDArray[np.float64], present: NDArray[np.bool_], window: float
) -> NDArray[np.float64] | None:
    match function:
        case "avg_over_time":
            return np.asarray(np.where(present, values, 0.0).sum(axis=0) / present.sum(axis=0))
        case "min_over_time":
            return np.asarray(np.where(present, values, np.inf).min(axis=0))
        case "max_over_time":
            return np.asarray(np.where(present, values, -np.inf).max(axis=0))
        case "delta":
            columns = np.arange(values.shape[1])
            first, last = present.argmax(axis=0), len(times) - 1 - present[::-1].argmax(axis=0)
            return np.asarray(values[last, columns] - values[first, columns])
        case "rate" | "increase":
            span = float(times[-1] - times[0])
            if span <= 0:
                return None
            per_second = _growth(values, present) / span
            return per_second if function == "rate" else per_second * min(window, span)
        case _:
            raise AssertionError(function)


def _growth(values: NDArray[np.float64], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    known = np.where(present, values, 0.0)
    for row in range(1, len(known)):
        known[row] = np.where(present[row], values[row], known[row - 1])
    steps = np.diff(known, axis=0)
    return np.asarray(np.where(steps >= 0, steps, known[1:]).sum(axis=0))
