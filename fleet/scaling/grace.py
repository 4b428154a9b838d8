"""How long must a replica that leaves be allowed to finish?

As long as 999 of 1000 of its tasks take, by task type, and the longest of the types decides. A thousand runs say that
directly. Fewer are taken for log-normal, with the spread they may have with 95 % certainty: few runs make a long grace.
No run may take longer than its time limit, so that is the answer while nothing was measured, and never exceeded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, ndtri

from fleet.catalogue.declaration import Catalogue

SHARE = 0.999
CERTAINTY = 0.95
ENOUGH = 1000
"""Runs from which the quantile is read off."""
LEAVING_SECONDS = 10.0
"""What a worker needs beside its tasks: to hear of it, to settle, to leave the roster. Never added to a time limit."""


@dataclass(frozen=True, slots=True)
class Covered:
    """How long the runs of one task type on one pool take."""

    task_type: str
    runs: int
    longest_seconds: float
    quantile_seconds: float
    """What 999 of 1000 stay below, never above the limit."""
    limit_seconds: float
    how: str


@dataclass(frozen=True, slots=True)
class Grace:
    """A pool's grace period as declared, and as its tasks call for."""

    pool: str
    declared_seconds: float
    recommended_seconds: int
    types: tuple[Covered, ...]
    """The most demanding first."""

    @property
    def why(self) -> str:
        if not self.types:
            return "runs no task type: nothing to wait for"
        first = self.types[0]
        return f"{first.task_type}: {first.how}"

    @property
    def advice(self) -> str:
        if self.declared_seconds < self.recommended_seconds:
            return f"too short: set pools.{self.pool}.grace_seconds to {self.recommended_seconds}"
        if self.declared_seconds > 2 * self.recommended_seconds:
            return f"longer than needed: {self.recommended_seconds} would do, and a stuck replica would be gone sooner"
        return "fits"


def graces(catalogue: Catalogue, runs: Mapping[tuple[str, str], Sequence[float]]) -> list[Grace]:
    """Return the grace of every pool; `runs` are seconds by (pool, task type)."""
    found = []
    for name, pool in catalogue.pools.items():
        kinds = [kind for kind in catalogue.agent_types[pool.agent_type].runs if kind in catalogue.task_types]
        rows = [covered(kind, runs.get((name, kind), ()), catalogue.task_types[kind].time_limit_seconds) for kind in kinds]
        rows.sort(key=lambda row: -row.quantile_seconds)
        needed = max((min(row.quantile_seconds + LEAVING_SECONDS, row.limit_seconds) for row in rows), default=LEAVING_SECONDS)
        recommended = 10 * math.ceil(needed / 10.0)
        found.append(Grace(name, pool.grace_seconds, recommended, tuple(rows)))
    return found


def covered(task_type: str, runs: Sequence[float], limit_seconds: float) -> Covered:
    """Return what a task type's runs say; nothing, fewer than two, is the limit."""
    seconds = np.maximum(np.asarray(runs, dtype=float), 1e-3)
    count, longest = len(seconds), float(seconds.max()) if len(seconds) else 0.0
    if count < 2:
        quantile, how = limit_seconds, f"its time limit, {limit_seconds:g} s: {count} runs measured"
    elif count >= ENOUGH:
        quantile = float(np.quantile(seconds, SHARE))
        how = f"999 of 1000 of {count:,} runs took at most {quantile:.1f} s"
    else:
        quantile = max(_lognormal(seconds), longest)
        how = f"by {count} runs, the longest {longest:.1f} s, 999 of 1000 stay below {quantile:.1f} s"
    if quantile >= limit_seconds > 0.0 and count >= 2:
        how += f", but none runs past its limit of {limit_seconds:g} s"
    return Covered(task_type, count, longest, min(quantile, limit_seconds), limit_seconds, how)


def _lognormal(seconds: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    logs, free = np.log(seconds), len(seconds) - 1
    spread = float(logs.std(ddof=1)) * math.sqrt(free / float(chdtri(free, CERTAINTY)))
    middle = float(logs.mean()) + float(ndtri(CERTAINTY)) * spread / math.sqrt(len(seconds))
    return float(np.exp(min(middle + float(ndtri(SHARE)) * spread, 20.0)))
