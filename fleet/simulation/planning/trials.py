"""How would a pool fare on its busiest and its usual day, as the forecast has them, under other settings?

The deciders and the pool simulator are those of `fleet simulate scaling`; only the workload is the fleet's own, scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fleet.scaling.targets import DecisionSettings
from fleet.simulation.planning.past import PoolPast
from fleet.simulation.scaling.contenders import FleetController
from fleet.simulation.scaling.pool_simulator import PoolSimulator, Stuck
from fleet.simulation.scaling.pool_values import PoolShape
from fleet.simulation.scaling.workload import DAY, Workload

JITTER_SECONDS = 600.0
FEWEST_TASKS = 20
OPEN = "?"
"""A value that the trial itself finds."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings to try: `changes` are the names and values an operator would write."""

    changes: dict[str, str]
    shape: PoolShape
    settings: DecisionSettings
    relaxes_promise: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """What a candidate did; shares are of the tasks of the worst backtested day, money of the usual one."""

    changes: dict[str, str]
    late_share: float
    wait_p99_seconds: float
    replica_hours_a_day: float
    usd_a_day: float
    most_replicas: int
    least_replicas: int
    """Of the usual day: its tenth percentile, as starts are staggered."""
    relaxes_promise: bool = field(default=False)


def scaled(day: PoolPast, factor: float, seed: int, name: str) -> Workload:
    """Return the day with `factor` times its tasks: repeated ones are moved by minutes, or some are left out."""
    rng = np.random.default_rng(seed)
    times = np.full(len(day.submitted), int(factor)) + (rng.random(len(day.submitted)) < factor - int(factor))
    arrivals, seconds = np.repeat(day.submitted, times), np.repeat(day.seconds, times)
    again = np.concatenate([np.arange(n) > 0 for n in times]) if len(times) else np.zeros(0, dtype=bool)
    moved = arrivals + np.where(again, rng.uniform(-JITTER_SECONDS, JITTER_SECONDS, len(arrivals)), 0.0)
    moved = np.clip(moved, 0.0, DAY - 1.0)
    order = np.argsort(moved, kind="stable")
    services = seconds[order]
    mean = np.full(len(services), float(services.mean()) if len(services) else 1.0)
    return Workload(name, moved[order], services, mean, f"{name}, {factor:.2f} times its tasks")


def tried(candidate: Candidate, days: Sequence[Workload], seed: int) -> Trial | None:
    """Play every day (the usual one last); None when the candidate never serves some of its tasks."""
    late, p99, most = 0.0, 0.0, 0
    for workload in days:
        guess = float(workload.services.mean())
        tick = candidate.settings.staffing.tick_seconds
        controller = FleetController(candidate.shape, candidate.settings, guess, tick)
        try:
            outcome = PoolSimulator(workload, candidate.shape, seed=seed).run(controller)
        except Stuck:
            return None
        late = max(late, float(np.mean(outcome.waits > candidate.shape.wait_goal_seconds)))
        p99 = max(p99, float(np.quantile(outcome.waits, 0.99)))
        most = max(most, max(outcome.samples.ordered, default=0))
    hours = outcome.replica_seconds / 3600.0
    least = int(np.quantile(outcome.samples.ordered, 0.1)) if outcome.samples.ordered else 0
    usd = hours * candidate.shape.price_per_replica_hour_usd
    return Trial(candidate.changes, late, p99, hours, usd, most, least, candidate.relaxes_promise)


def candidates(pool: str, shape: PoolShape, settings: DecisionSettings, allowed: float, now: Trial) -> list[Candidate]:
    """Return what is worth trying beside the settings as they are, given how those did."""
    maximum, minimum = f"pools.{pool}.max_replicas", f"pools.{pool}.min_replicas"
    fewer = [replace(shape, minimum=least) for least in sorted({0, shape.minimum // 2} - {shape.minimum})]
    found = []
    if settings.policy == "threshold":
        found.append(Candidate({"scaling.policy": "staffing"}, shape, replace(settings, policy="staffing")))
    if now.most_replicas >= shape.maximum:
        # Whatever else is set, the cap decided: other settings are tried with room above them.
        shape = replace(shape, maximum=max(4 * shape.maximum, 16))
        found.append(Candidate({maximum: OPEN}, shape, settings))
        if fewer:
            least = replace(fewer[0], maximum=shape.maximum)
            found.append(Candidate({maximum: OPEN, minimum: str(least.minimum)}, least, settings))
    elif now.late_share > allowed:
        found.append(Candidate({minimum: str(shape.minimum + 1)}, replace(shape, minimum=shape.minimum + 1), settings))
        if settings.policy == "staffing":
            found.append(_tolerant(shape, settings, allowed / 2, relaxes=False))
    else:
        found += [Candidate({minimum: str(one.minimum)}, one, settings) for one in fewer]
        if settings.policy == "staffing":
            found += [_tolerant(shape, settings, share, relaxes=True) for share in (allowed * 2, allowed * 5) if share < 0.5]
    return found


def _tolerant(shape: PoolShape, settings: DecisionSettings, share: float, *, relaxes: bool) -> Candidate:
    headroom = replace(settings.staffing.headroom, allowed_share=share)
    other = replace(settings, staffing=replace(settings.staffing, headroom=headroom))
    return Candidate({"scaling.violation_share": f"{share:g}"}, shape, other, relaxes)
