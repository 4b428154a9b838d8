"""What arrives when, how large is it, and what goes wrong meanwhile?

A workload is arrays, one element per task, all drawn from one seed before anything is simulated: every strategy meets
the same tasks, the same sizes and the same luck.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fleet.simulation.fleets import Floats, Integers, SimulatedFleet

MAX_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """A pool that misbehaves for a while."""

    pool: int
    start: float
    end: float
    slower: float = 1.0
    """Progress is this many times slower, for running tasks too."""
    fails_after: float | None = None
    """Every attempt that starts fails after so many seconds."""
    error_share: float = 0.0
    """This share of attempts fails on top."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Tasks in order of arrival, and the fleet that meets them."""

    name: str
    fleet: SimulatedFleet
    arrival: Floats
    kind: Integers
    size: Floats
    """True size in seconds on a pool of speed 1."""
    complexity: Floats
    luck: Floats
    """[task, attempt]: uniform draws that decide which attempts fail."""
    error: Floats
    """Standard normal draws: the size estimate is size * exp(sigma * error)."""
    tenant: Integers
    tenants: tuple[str, ...] = ("default",)
    priority: Integers | None = None
    faults: tuple[Fault, ...] = ()
    source: str = "synthetic"

    def __len__(self) -> int:
        return len(self.arrival)

    @property
    def utilisation(self) -> float:
        """Return offered work as a share of the most the fleet can carry."""
        count = len(self.fleet.types)
        share = np.bincount(self.kind, minlength=count) / len(self)
        total = np.bincount(self.kind, weights=self.size, minlength=count)
        mean = total / np.maximum(np.bincount(self.kind, minlength=count), 1)
        rate = len(self) / (self.arrival[-1] - self.arrival[0])
        return float(rate / self.fleet.capacity(share, mean))


def lognormal(rng: np.random.Generator, mean: Floats | float, variation: Floats | float, count: int) -> Floats:
    """Return log-normal draws with this mean and coefficient of variation."""
    sigma = np.sqrt(np.log1p(np.square(variation)))
    return np.asarray(mean * np.exp(sigma * rng.standard_normal(count) - sigma**2 / 2), dtype=np.float64)


def assemble(name: str, fleet: SimulatedFleet, arrival: Floats, rng: np.random.Generator, **given: Any) -> Workload:
    """Return a workload over these arrivals, drawing whatever is not given."""
    count = len(arrival)
    share = np.array([kind.share for kind in fleet.types])
    drawn_kind = rng.choice(len(fleet.types), size=count, p=share / share.sum())
    kind: Any = given.pop("kind", drawn_kind)
    mean, variation = (
        np.array([getattr(kind, field) for kind in fleet.types])[kind] for field in ("mean_seconds", "variation")
    )
    drawn: dict[str, Any] = {
        "size": np.maximum(lognormal(rng, mean, variation, count), 0.01),
        "complexity": rng.uniform(0, 1, count),
        "luck": rng.uniform(0, 1, (count, MAX_ATTEMPTS)),
        "error": rng.standard_normal(count),
        "tenant": np.zeros(count, dtype=np.int64),
    }
    return Workload(name=name, fleet=fleet, arrival=arrival, kind=kind, **(drawn | given))


def poisson(fleet: SimulatedFleet, load: float, tasks: int, seed: int, name: str = "poisson") -> Workload:
    """Return Poisson arrivals at this share of the fleet's capacity."""
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(1 / (load * fleet.capacity()), tasks))
    return assemble(name, fleet, arrival, rng)


def modulated(fleet: SimulatedFleet, load: float, tasks: int, seed: int, *, low: float = 0.4, high: float = 2.2,
              mean_phase_seconds: tuple[float, float] = (600.0, 300.0)) -> Workload:  # fmt: skip
    """Return Markov-modulated Poisson arrivals: calm and busy phases of exponential length, scaled to the mean load."""
    rng = np.random.default_rng(seed)
    calm, busy = mean_phase_seconds
    mean = (low * calm + high * busy) / (calm + busy)
    base = load * fleet.capacity() / mean
    arrivals: list[Floats] = []
    now, count, phase = 0.0, 0, int(rng.uniform() < busy / (calm + busy))
    while count < tasks:
        length = rng.exponential(mean_phase_seconds[phase])
        number = rng.poisson(base * (low, high)[phase] * length)
        arrivals.append(np.sort(rng.uniform(now, now + length, number)))
        now, count, phase = now + length, count + number, 1 - phase
    return assemble("modulated", fleet, np.concatenate(arrivals)[:tasks], rng)


def thinned(rate: Callable[[Floats], Floats], peak: float, tasks: int, rng: np.random.Generator) -> Floats:
    """Return arrivals of a Poisson process with this rate function (tasks/s, never above peak)."""
    kept: list[Floats] = []
    now, count = 0.0, 0
    while count < tasks:
        times = now + np.cumsum(rng.exponential(1 / peak, tasks))
        chosen = times[rng.uniform(0, peak, tasks) < rate(times)]
        kept.append(chosen)
        now, count = float(times[-1]), count + len(chosen)
    return np.concatenate(kept)[:tasks]


def diurnal(fleet: SimulatedFleet, load: float, tasks: int, seed: int, *, bursts: int = 8,
            height: float = 1.5) -> Workload:  # fmt: skip
    """Return one compressed day: a sine of +-50 %, and a few short bursts on top."""
    rng = np.random.default_rng(seed)
    mean = load * fleet.capacity()
    length = tasks / mean
    starts = rng.uniform(0, length, bursts)
    width = length / 150

    def rate(times: Floats) -> Floats:
        day = 1 - 0.5 * np.cos(2 * np.pi * times / length)
        burst = (np.abs(times[:, None] - starts - width / 2) < width / 2).any(axis=1)
        return np.asarray(mean * (day + height * burst) / (1 + height * bursts / 150), dtype=np.float64)

    return assemble("diurnal", fleet, thinned(rate, mean * (1.5 + height), tasks, rng), rng)


def tenant_burst(fleet: SimulatedFleet, load: float, tasks: int, seed: int, *, tenants: int = 8, times: float = 20.0,
                 burst_seconds: float = 600.0) -> Workload:  # fmt: skip
    """Return equal tenants of whom the first sends many times its share for a while, starting a quarter in."""
    rng = np.random.default_rng(seed)
    base = load * fleet.capacity()
    start = 0.25 * tasks / base
    calm = np.cumsum(rng.exponential(1 / base, tasks))
    extra = rng.uniform(start, start + burst_seconds, rng.poisson(base / tenants * (times - 1) * burst_seconds))
    arrival = np.concatenate([calm, extra])
    tenant = np.concatenate([rng.integers(0, tenants, tasks), np.zeros(len(extra), dtype=np.int64)])
    order = np.argsort(arrival, kind="stable")
    names = tuple(f"tenant{index}" for index in range(tenants))
    return assemble("tenant_burst", fleet, arrival[order], rng, tenant=tenant[order], tenants=names)


def with_faults(workload: Workload, *faults: Fault) -> Workload:
    """Return the same tasks meeting a fleet that misbehaves."""
    return replace(workload, faults=faults)


def scaled(workload: Workload, load: float | None) -> Workload:
    """Return the same tasks, made longer or shorter until the fleet is that busy (None: as they are)."""
    return workload if load is None else replace(workload, size=workload.size * load / workload.utilisation)
