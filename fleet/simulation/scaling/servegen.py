"""How does a table of client rates become a stream of tasks?

The form ServeGen publishes: one row per client and ten-minute window with a rate and a renewal process (Gamma or
Weibull gaps of a given shape). Each client's gaps are drawn across its windows, then the clients are merged.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from itertools import pairwise
from math import gamma
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fleet.simulation.scaling.trace_file import BadTrace, opened
from fleet.simulation.scaling.workload import DEFAULT_TIMES, Floats, ServiceTimes, Workload, from_arrivals

COLUMNS = ("client", "t_s", "rate_per_s", "pattern", "shape")


class Window(NamedTuple):
    """One client during one window."""

    start: float
    rate: float
    pattern: str
    shape: float


def recognises(columns: list[str]) -> bool:
    """Tell whether a file with these columns is a table of client rates."""
    return all(column in columns for column in COLUMNS)


def read(path: Path, seed: int, rate: float | None = 1.0, times: ServiceTimes = DEFAULT_TIMES) -> Workload:
    """Return the stream drawn from the table; with `rate`, every client is slowed alike to that many tasks a second."""
    rng = np.random.default_rng(seed)
    windows: dict[str, list[Window]] = defaultdict(list)
    problems: list[str] = []
    with opened(path) as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            try:
                windows[row["client"]].append(_parsed(row))
            except (TypeError, ValueError) as error:
                problems.append(f"line {number}: {error}")
    if problems:
        raise BadTrace(path, problems)
    starts = sorted({window.start for rows in windows.values() for window in rows})
    length = min((b - a for a, b in pairwise(starts)), default=600.0)
    total = sum(window.rate for rows in windows.values() for window in rows) / max(len(starts), 1)
    factor = 1.0 if rate is None or not total else rate / total
    streams = [_client(rng, sorted(rows), length, factor) for rows in windows.values()]
    arrivals = np.concatenate(streams) if streams else np.empty(0)
    return from_arrivals(path.name.split(".")[0], arrivals, rng, f"{path.name}, seed {seed}", times)


def _parsed(row: dict[str, str]) -> Window:
    window = Window(float(row["t_s"]), float(row["rate_per_s"]), row["pattern"], float(row["shape"]))
    if window.rate < 0.0 or window.shape <= 0.0 or window.pattern not in ("Gamma", "Weibull"):
        raise ValueError(f"rate {window.rate}, pattern {window.pattern!r}, shape {window.shape}: not a renewal process")
    return window


def _client(rng: np.random.Generator, windows: list[Window], length: float, factor: float) -> Floats:
    """Return one client's arrivals; gaps run in units of expected tasks, so they continue from window to window."""
    arrivals: list[Floats] = []
    ahead = rng.random()
    for window in windows:
        span = window.rate * factor * length
        if span <= 0.0:
            continue
        reached = [ahead]
        while reached[-1] < span:
            reached.extend(reached[-1] + np.cumsum(_gaps(rng, window, int(span + 4.0 * span**0.5) + 16)))
        times = np.asarray(reached)
        inside = times < span
        arrivals.append(window.start + times[inside] / span * length)
        ahead = float(times[~inside][0] - span)
    return np.concatenate(arrivals) if arrivals else np.empty(0)


def _gaps(rng: np.random.Generator, window: Window, count: int) -> Floats:
    """Return gaps with mean 1 and the window's shape."""
    if window.pattern == "Gamma":
        return rng.gamma(window.shape, 1.0 / window.shape, count)
    return np.asarray(rng.weibull(window.shape, count) / gamma(1.0 + 1.0 / window.shape))
