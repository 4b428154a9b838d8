"""How near does late binding come to a dispatcher that knows everything, where the simulator can ask both?

The production deciders on drawn workloads, a few seeds each: what a real fleet would need hours for takes seconds. Beside
it what Celery's routing alone would do (a strategy chooses on arrival, tasks wait at the pool), or another reference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fleet.simulation.contestants import AT_POOLS, contestant_named
from fleet.simulation.dispatch import DEFAULT_SIGMA, Comparison, compare
from fleet.simulation.engine import Run, simulate
from fleet.simulation.results import Summary, summarise
from fleet.simulation.scenarios import FAULT_SECONDS, scenario_named
from fleet.simulation.workload import Workload

TASKS, SEEDS = 10_000, (1, 2, 3)
LATE, MEAN, SPEC = "late_binding", "late_binding_type_mean", f"ai_optimized{AT_POOLS}"


@dataclass(frozen=True, slots=True)
class Judged:
    """One goal: the fleet's figure with its range over seeds, the reference's, and whether the goal is met."""

    what: str
    fleet: float
    spread: tuple[float, float] | None
    beside: float
    unit: str
    goal: str
    is_met: bool


def measure() -> list[Judged]:
    return [*near_the_clairvoyant(), even(), steady(), slow_pool(), failing_pool(), burst()]


def near_the_clairvoyant() -> list[Judged]:
    """p99 response over the clairvoyant's: with declared sizes and by the type's mean alone, then in bursts."""
    rows = []
    for name, load, who, most in (
        *(("poisson", load, LATE, 1.10) for load in (0.6, 0.75, 0.9)),
        *(("poisson", load, MEAN, 1.35) for load in (0.6, 0.75, 0.9)),
        ("modulated", 0.7, LATE, 1.20),
    ):
        found = played(name, load, (who, SPEC))
        row = found.row(who)
        what = f"simulated p99 / ideal, {name} {load:g}{', type mean' if who == MEAN else ''} [ai_optimized]"
        spread = (min(row.p99_ratios), max(row.p99_ratios))
        rows.append(Judged(what, row.p99_ratio, spread, found.row(SPEC).p99_ratio, "x", f"<= {most:.2f} x", row.p99_ratio <= most))
    return rows


def even() -> Judged:
    found = played("equal_pools", 0.8, (LATE, "join_shortest_queue"))
    ours, theirs = (found.row(name).mean("wait_mean") for name in (LATE, "join_shortest_queue"))
    return Judged("simulated mean wait, equal pools [shortest queue]", ours, None, theirs, "s", "no worse", ours <= theirs)


def steady() -> Judged:
    found = played("poisson", 0.95, (LATE, SPEC))
    growth = {who: quarters[3] / max(quarters[0], 1e-9) for who in (LATE, SPEC) for quarters in [found.row(who).wait_by_quarter]}
    what = "simulated wait, last quarter / first, 0.95 [ai_optimized]"
    return Judged(what, growth[LATE], None, growth[SPEC], "x", "<= 2 x", growth[LATE] <= 2)


def slow_pool() -> Judged:
    """p99 of what arrives while a pool is six times slower, over that of the same tasks without the fault."""
    growths: dict[str, list[float]] = {LATE: [], SPEC: []}
    for seed in SEEDS:
        broken = scenario_named("slow_pool")(0.55, TASKS, seed)
        for who, found in growths.items():
            found.append(during_fault(broken, who).response_p99 / during_fault(replace(broken, faults=()), who).response_p99)
    ours, theirs = (float(np.mean(found)) for found in growths.values())
    spread = (min(growths[LATE]), max(growths[LATE]))
    return Judged("simulated p99 growth, a pool 6 x slow [ai_optimized]", ours, spread, theirs, "x", "<= 1.10 x", ours <= 1.10)


def failing_pool() -> Judged:
    shares = {who: [during_fault(scenario_named("failing_pool")(0.5, TASKS, seed), who).success for seed in SEEDS] for who in (LATE, SPEC)}
    ours, theirs = (100 * float(np.mean(found)) for found in shares.values())
    return Judged("simulated success, a pool fails in 0.2 s [ai_optimized]", ours, None, theirs, "%", ">= 99.9 %", ours >= 99.9)


def burst() -> Judged:
    """p99 wait of seven tenants while the eighth sends twenty times its share; beside it, everybody in one line."""
    ours, theirs = [], []
    for seed in SEEDS:
        drawn = scenario_named("tenant_burst")(0.7, TASKS, seed)
        victims = (drawn.tenant != 0) & (drawn.arrival >= drawn.arrival[drawn.tenant == 0][0])
        one_line = replace(drawn, tenant=np.zeros_like(drawn.tenant), tenants=drawn.tenants[:1])
        ours.append(summarise(played_by(LATE, drawn), victims).wait_p99)
        theirs.append(summarise(played_by(LATE, one_line), victims).wait_p99)
    wait, line = float(np.mean(ours)), float(np.mean(theirs))
    spread = (min(ours), max(ours))
    is_met = wait <= 100 and wait <= line / 10
    return Judged("simulated p99 wait of others in a burst [first come]", wait, spread, line, "s", "<= 100 s, a tenth", is_met)


def during_fault(workload: Workload, who: str) -> Summary:
    start = workload.arrival[len(workload) // 4]
    within = (workload.arrival >= start) & (workload.arrival < start + FAULT_SECONDS)
    return summarise(played_by(who, workload), within)


def played_by(who: str, workload: Workload) -> Run:
    return simulate(workload, contestant_named(who)(workload, DEFAULT_SIGMA))


def played(name: str, load: float, who: tuple[str, ...]) -> Comparison:
    return compare(lambda seed: scenario_named(name)(load, TASKS, seed), who, SEEDS)


def text(rows: list[Judged]) -> str:
    width = max(len(row.what) for row in rows)
    lines = []
    for row in rows:
        spread = f"({row.spread[0]:.2f}-{row.spread[1]:.2f})" if row.spread else ""
        verdict = "met" if row.is_met else "missed"
        lines.append(f"{row.what:{width}} {row.fleet:9.2f} {spread:>13} {row.beside:9.2f} {row.unit:2} {row.goal} {verdict}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(text(measure()))
