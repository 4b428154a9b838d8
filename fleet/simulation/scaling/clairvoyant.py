"""What would perfect foresight have cost?

Nobody can know every arrival and service time; this reference does. It plans replicas from the work that will really
be in flight, smoothed, ordered one start-up time early, and searches smoothing, persistence and scale for the
cheapest plan that keeps the promised share of waits. It is the best plan found, not a proof that none is cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from fleet.simulation.scaling.pool_simulator import PoolSimulator
from fleet.simulation.scaling.pool_values import Leave, Outcome, PoolShape
from fleet.simulation.scaling.workload import Floats, Workload

GRID_SECONDS = 5.0
SMOOTHING = (30.0, 60.0, 90.0, 150.0)
PERSISTENCE = (0.0, 60.0)
HALVINGS = 7


@dataclass(slots=True)
class PlannedController:
    """Obeys a plan made in advance."""

    plan: Floats
    lead_seconds: float
    persist_seconds: float
    period_seconds: float = 5.0

    def desired(self, pool: PoolSimulator) -> int:
        last = int((pool.now + self.lead_seconds + self.persist_seconds) / GRID_SECONDS) + 1
        ahead = self.plan[int(pool.now / GRID_SECONDS) : last]
        stranded = int(bool(pool.queue))
        return max(int(ahead.max()) if len(ahead) else 0, stranded)


@dataclass(frozen=True, slots=True)
class Reference:
    """The cheapest plan found and what it was."""

    outcome: Outcome
    smoothing_seconds: float
    persistence_seconds: float
    scale: float


def in_flight(workload: Workload) -> Floats:
    """Return the mean number of tasks in service per grid cell if none had to wait."""
    ends = workload.arrivals + workload.services
    cells = int(ends.max() / GRID_SECONDS) + 2
    edges = np.arange(cells + 1, dtype=np.float64) * GRID_SECONDS
    started = _work_before(edges, workload.arrivals)
    ended = _work_before(edges, ends)
    return np.asarray(np.diff(started - ended) / GRID_SECONDS)


def best_plan(workload: Workload, shape: PoolShape, share: float = 0.99, seed: int = 0) -> Reference:
    """Return the cheapest plan under which at least `share` of the tasks wait no longer than the goal."""
    demand = in_flight(workload)
    best: Reference | None = None
    for smoothing, persistence in product(SMOOTHING, PERSISTENCE):
        width = max(1, round(smoothing / GRID_SECONDS))
        smooth = np.convolve(demand, np.ones(width) / width, mode="same")
        low, high = 0.4, 2.4
        for _ in range(HALVINGS):
            scale = (low + high) / 2.0
            outcome = _played(workload, shape, smooth * scale, persistence, seed)
            if best and outcome.replica_seconds > best.outcome.replica_seconds:
                high = scale
            elif np.mean(outcome.waits <= shape.wait_goal_seconds) >= share:
                best, high = Reference(outcome, smoothing, persistence, scale), scale
            else:
                low = scale
    if best is None:
        outcome = _played(workload, shape, demand * 4.0, max(PERSISTENCE), seed)
        return Reference(outcome, GRID_SECONDS, max(PERSISTENCE), 4.0)
    return best


def _played(workload: Workload, shape: PoolShape, slots: Floats, persistence: float, seed: int) -> Outcome:
    plan = np.ceil(slots / shape.slots_per_replica - 0.02)
    controller = PlannedController(plan, shape.startup_seconds[1], persistence)
    return PoolSimulator(workload, shape, Leave(), seed).run(controller)


def _work_before(edges: Floats, times: Floats) -> Floats:
    """Return, for each edge, the integral up to it of the number of `times` that have passed."""
    ordered = np.sort(times)
    sums = np.concatenate(([0.0], np.cumsum(ordered)))
    passed = np.searchsorted(ordered, edges)
    return np.asarray(passed * edges - sums[passed])
