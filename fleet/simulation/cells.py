"""How many cells does a fleet of this size need, and how long do its calls wait for their Redis?

A Redis works off one call after the other: each cell is a queue with one server. Arithmetic says how busy it is; the
simulation plays the calls of one stretch of time (Lindley's recursion) over cells that get tenants as the fleet hands them
out, so that a heavy tenant shows as what it is: one cell busier than the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fleet.dispatcher.cells.rendezvous import preference
from fleet.simulation.fleets import Floats

SATURATED = 0.6
"""Share of a Redis' time that calls should use at most: beyond, bursts and snapshots make them wait."""


@dataclass(frozen=True, slots=True)
class EventCosts:
    """Microseconds of the server's CPU per event. Defaults: `fleet bench cell` on two shared cores, 10 000 workers on the
    roster, 100 pools, 20 task types, every task submitted alone."""

    submit: float = 420.0
    claim: float = 145.0
    finish: float = 310.0
    heartbeat: float = 44.0
    tick: float = 300.0

    @property
    def task(self) -> float:
        """Return microseconds of one task that succeeds at once."""
        return self.submit + self.claim + self.finish


@dataclass(frozen=True, slots=True)
class FleetSize:
    """What the fleet is to carry; seconds, and Zipf's exponent of the tenants' shares (0: equal)."""

    workers: int
    tasks_per_second: float
    tenants: int
    skew: float = 0.8
    heartbeat_seconds: float = 2.0
    tick_seconds: float = 0.25


@dataclass(frozen=True, slots=True)
class CellLoad:
    """One cell: its part of the fleet, how busy its Redis is, and how long calls wait for it (milliseconds)."""

    name: str
    tenants: int
    workers: int
    tasks_per_second: float
    utilisation: float
    wait_p50_ms: float | None
    wait_p99_ms: float | None
    """None where the line only grows."""
    most_tasks_per_second: float
    """What it could carry with these workers at `SATURATED`."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """What came out."""

    size: FleetSize
    costs: EventCosts
    cells: tuple[CellLoad, ...]

    @property
    def is_enough(self) -> bool:
        """Tell whether every cell stays below what it should."""
        return all(cell.utilisation <= SATURATED for cell in self.cells)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"is_enough": self.is_enough, "task_microseconds": self.costs.task}


def size_up(size: FleetSize, costs: EventCosts, cells: int, seconds: float = 20.0, seed: int = 1) -> Sizing:
    """Hand the tenants out over so many equal cells, workers in proportion to their tasks, and play `seconds` of calls."""
    names = [f"cell{number + 1}" for number in range(cells)]
    shares = 1.0 / np.arange(1, size.tenants + 1) ** size.skew
    shares = shares / shares.sum()
    home = [preference(f"tenant{number}", dict.fromkeys(names, 1.0))[0] for number in range(size.tenants)]
    rng = np.random.default_rng(seed)
    loads = []
    for name in names:
        mine = np.array([cell == name for cell in home])
        share = float(shares[mine].sum())
        rate, workers = size.tasks_per_second * share, round(size.workers * share)
        rates = _rates(size, rate, workers)
        busy = sum(count * getattr(costs, event) for event, count in rates.items()) / 1e6
        rest = SATURATED - (busy - rate * costs.task / 1e6)
        p50, p99 = map(float, np.percentile(_waits(rates, costs, seconds, rng) * 1e3, (50, 99)))
        most, ends = max(rest, 0.0) / costs.task * 1e6, busy < 1
        loads.append(CellLoad(name, int(mine.sum()), workers, rate, busy, p50 if ends else None, p99 if ends else None, most))
    return Sizing(size, costs, tuple(loads))


def _rates(size: FleetSize, tasks_per_second: float, workers: int) -> Mapping[str, float]:
    """Return calls per second of each kind."""
    per_task = dict.fromkeys(("submit", "claim", "finish"), tasks_per_second)
    return per_task | {"heartbeat": workers / size.heartbeat_seconds, "tick": 1 / size.tick_seconds}


def _waits(rates: Mapping[str, float], costs: EventCosts, seconds: float, rng: np.random.Generator) -> Floats:
    """Return the seconds each call waits for the calls before it: Lindley's recursion in closed form."""
    counts = {event: rng.poisson(rate * seconds) for event, rate in rates.items()}
    service = np.concatenate([np.full(count, getattr(costs, event) / 1e6) for event, count in counts.items()])
    arrival = rng.uniform(0, seconds, len(service))
    order = np.argsort(arrival, kind="stable")
    arrival, service = arrival[order], service[order]
    steps = np.concatenate([[0.0], service[:-1] - np.diff(arrival)])
    walk = np.cumsum(steps)
    return np.asarray(walk - np.minimum.accumulate(walk), dtype=np.float64)
