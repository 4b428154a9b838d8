"""How do the contenders compare on one workload?

Every contender serves the same tasks with the same service times and the same start-up draws; the clairvoyant plan is
the yardstick. Results are plain values: a table, JSON and plots are made from the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from fleet.scaling.targets import DecisionSettings
from fleet.simulation.scaling.clairvoyant import Reference, best_plan
from fleet.simulation.scaling.contenders import CONTENDERS, Contender
from fleet.simulation.scaling.pool_simulator import PoolSimulator
from fleet.simulation.scaling.pool_values import Leave, Outcome, PoolShape, Samples
from fleet.simulation.scaling.workload import Workload

CLAIRVOYANT = "clairvoyant plan"


@dataclass(frozen=True, slots=True)
class Row:
    """One contender on one workload."""

    contender: str
    within_10_seconds: float
    within_30_seconds: float
    within_goal: float
    wait_p50_seconds: float
    wait_p99_seconds: float
    response_mean_seconds: float
    replica_hours: float
    against_clairvoyant: float
    dollars: float
    killed: int
    cut_at_30_seconds: int
    resizes: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """All contenders on one workload."""

    workload: str
    origin: str
    tasks: int
    days: float
    seed: int
    rows: tuple[Row, ...]
    samples: dict[str, Samples]

    def row(self, contender: str) -> Row:
        return next(row for row in self.rows if row.contender == contender)


def play(
    workload: Workload,
    shape: PoolShape,
    settings: DecisionSettings,
    contenders: Sequence[Contender] = CONTENDERS,
    seed: int = 0,
    kill_after_seconds: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Run every contender; `kill_after_seconds` makes the rivals' replicas die that long after being told to leave.

    `progress` hears who was played, the clairvoyant first.
    """
    reference = best_plan(workload, shape, seed=seed)
    progress(CLAIRVOYANT)
    rows = [_row(CLAIRVOYANT, reference.outcome, reference, shape)]
    samples = {CLAIRVOYANT: reference.outcome.samples}
    for contender in contenders:
        leave = Leave() if contender.drains else Leave(idlest_first=False, kill_after_seconds=kill_after_seconds)
        outcome = PoolSimulator(workload, shape, leave, seed).run(contender.build(shape, settings))
        rows.append(_row(contender.name, outcome, reference, shape))
        samples[contender.name] = outcome.samples
        progress(contender.name)
    return Backtest(
        workload.name, workload.origin, len(workload.arrivals), workload.horizon / 86_400.0, seed, tuple(rows), samples
    )


def averaged(backtests: Sequence[Backtest]) -> tuple[Row, ...]:
    """Return the mean over seeds of every contender's figures; counts are rounded."""
    rows = []
    for index, first in enumerate(backtests[0].rows):
        means: Any = np.mean([astuple(backtest.rows[index])[1:] for backtest in backtests], axis=0)
        figures: list[Any] = [*map(float, means[:-3]), *map(round, means[-3:])]
        rows.append(Row(first.contender, *figures))
    return tuple(rows)


def _row(name: str, outcome: Outcome, reference: Reference, shape: PoolShape) -> Row:
    waits = outcome.waits
    hours = outcome.replica_seconds / 3600.0
    return Row(
        contender=name,
        within_10_seconds=float(np.mean(waits <= 10.0)),
        within_30_seconds=float(np.mean(waits <= 30.0)),
        within_goal=float(np.mean(waits <= shape.wait_goal_seconds)),
        wait_p50_seconds=float(np.quantile(waits, 0.5)),
        wait_p99_seconds=float(np.quantile(waits, 0.99)),
        response_mean_seconds=float(outcome.responses.mean()),
        replica_hours=hours,
        against_clairvoyant=outcome.replica_seconds / reference.outcome.replica_seconds,
        dollars=hours * shape.price_per_replica_hour_usd,
        killed=outcome.killed,
        cut_at_30_seconds=outcome.cut_at_30_seconds,
        resizes=outcome.resizes,
    )
