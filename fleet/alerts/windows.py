"""What happened to a series inside a window?

Pure: moments (samples at times) in, one number per series out. A counter that was absent at an earlier moment was zero
then, because the fleet's counters begin when they are first counted; a counter that fell was reset.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]


@dataclass(frozen=True, slots=True)
class Moment:
    """All samples taken at one time, by series name; a name that was looked at and had no series maps to nothing."""

    at: float
    series: Mapping[str, Vector]


@dataclass(frozen=True, slots=True)
class Row:
    """A series' values at the moments of a window; None where it did not exist."""

    labels: Labels
    times: tuple[float, ...]
    values: tuple[float | None, ...]


def rows(moments: Sequence[Moment], name: str, window: float, wanted: Callable[[Labels], bool]) -> list[Row]:
    """Return the series of one name that exist now or did inside the window."""
    if not moments or name not in moments[-1].series:
        return []
    # One moment from before the window may serve as its left edge when it is less than a quarter window away.
    first = bisect.bisect_left(moments, moments[-1].at - window * 1.25, key=lambda moment: moment.at)
    inside = [moment for moment in moments[first:] if name in moment.series]
    edge = moments[-1].at - window
    while len(inside) > 2 and inside[1].at <= edge:
        inside.pop(0)
    times = tuple(moment.at for moment in inside)
    labels = {label: None for moment in inside for label in moment.series.get(name, {}) if wanted(label)}
    return [Row(label, times, tuple(moment.series.get(name, {}).get(label) for moment in inside)) for label in labels]


def fold(function: str, found: Sequence[Row], window: float) -> Vector:
    """Apply a window function to every row; a row that says nothing is left out."""
    answers: Vector = {}
    for row in found:
        value = _fold_one(function, row, window)
        if value is not None:
            answers[row.labels] = value
    return answers


def _fold_one(function: str, row: Row, window: float) -> float | None:
    present = [value for value in row.values if value is not None]
    if not present:
        return None
    match function:
        case "avg_over_time":
            return sum(present) / len(present)
        case "min_over_time":
            return min(present)
        case "max_over_time":
            return max(present)
        case "delta":
            return present[-1] - present[0] if len(present) > 1 else None
        case "rate" | "increase":
            span = row.times[-1] - row.times[0]
            if span <= 0 or row.values[-1] is None:
                return None
            per_second = _growth(row.values) / span
            return per_second if function == "rate" else per_second * min(window, span)
        case _:
            raise AssertionError(function)


def _growth(values: Sequence[float | None]) -> float:
    grown, before = 0.0, values[0] or 0.0
    for now in values[1:]:
        if now is not None:
            grown += now - before if now >= before else now
            before = now
    return grown
