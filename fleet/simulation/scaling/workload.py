"""What work arrives, and when?

Arrival times and service times as arrays. Synthetic workloads are reproducible from a seed; a service time is drawn
log-normally, the prediction the scaler sees is a noisy version of it (or just the mean).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Workload:
    """Tasks in order of arrival; seconds."""

    name: str
    arrivals: Floats
    services: Floats
    predictions: Floats
    origin: str
    """Where it came from: a generator and its seed, or a file."""

    @property
    def horizon(self) -> float:
        return float(self.arrivals[-1]) if len(self.arrivals) else 0.0


def lognormal(rng: np.random.Generator, mean: float, variation: float, count: int) -> Floats:
    """Return draws with the given mean and coefficient of variation."""
    sigma = np.sqrt(np.log1p(variation**2))
    return np.asarray(rng.lognormal(np.log(mean) - sigma**2 / 2.0, sigma, count))


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """How long tasks take where the workload does not say, and how well that is predicted."""

    mean_seconds: float = 20.0
    variation: float = 1.0
    """Coefficient of variation."""
    size_error: float | None = None
    """Log-error of predictions; None predicts the mean for every task."""


DEFAULT_TIMES = ServiceTimes()


def from_arrivals(
    name: str,
    arrivals: Floats,
    rng: np.random.Generator,
    origin: str,
    times: ServiceTimes,
    services: Floats | None = None,
) -> Workload:
    """Return a workload with the given service times, or drawn ones."""
    order = np.argsort(arrivals, kind="stable")
    if services is None:
        services = lognormal(rng, times.mean_seconds, times.variation, len(arrivals))
    services = services[order]
    if times.size_error is None:
        predicted = np.full(len(arrivals), float(services.mean()) if len(services) else times.mean_seconds)
    else:
        predicted = services * rng.lognormal(-(times.size_error**2) / 2.0, times.size_error, len(arrivals))
    return Workload(name, arrivals[order], services, predicted, origin)


def diurnal(
    seed: int, rate: float = 1.0, days: float = 1.0, bursts: int = 8, times: ServiceTimes = DEFAULT_TIMES
) -> Workload:
    """Return a day's swing (peak 1.7x, trough 0.3x of `rate` a second) with bursts of 2-4x for 5-20 minutes."""
    rng = np.random.default_rng(seed)
    ticks = np.arange(0.0, days * DAY, 10.0)
    rates = rate * (1.0 + 0.7 * np.sin(2.0 * np.pi * (ticks / DAY - 0.25)))
    for start in rng.uniform(0.0, days * DAY, round(bursts * days)):
        length, factor = rng.uniform(300.0, 1200.0), rng.uniform(2.0, 4.0)
        rates[(ticks >= start) & (ticks < start + length)] *= factor
    return from_arrivals("diurnal", _poisson(rng, rates, 10.0), rng, f"synthetic diurnal, seed {seed}", times)


def sparse(seed: int, tasks_per_day: float = 900.0, days: float = 3.0, times: ServiceTimes = DEFAULT_TIMES) -> Workload:
    """Return sessions: short trains of tasks far apart, with long silences."""
    rng = np.random.default_rng(seed)
    sessions = rng.uniform(0.0, days * DAY, rng.poisson(tasks_per_day * days / 12.0))
    sizes = rng.geometric(1.0 / 12.0, len(sessions))
    arrivals = np.concatenate(
        [start + np.cumsum(rng.exponential(20.0, n)) for start, n in zip(sessions, sizes, strict=True)]
    )
    return from_arrivals("sparse", arrivals, rng, f"synthetic sparse, seed {seed}", times)


def on_off(seed: int, rate: float = 1.0, days: float = 1.0, times: ServiceTimes = DEFAULT_TIMES) -> Workload:
    """Return a Markov-modulated stream: 0.4x and 2.2x of `rate`, changing every ten minutes or so."""
    rng = np.random.default_rng(seed)
    rates: list[Floats] = []
    high = False
    while sum(map(len, rates)) * 10.0 < days * DAY:
        length = max(1, round(rng.exponential(400.0 if high else 800.0) / 10.0))
        rates.append(np.full(length, rate * (2.2 if high else 0.4)))
        high = not high
    return from_arrivals(
        "on_off", _poisson(rng, np.concatenate(rates), 10.0), rng, f"synthetic on-off, seed {seed}", times
    )


SYNTHETIC = {"diurnal": diurnal, "sparse": sparse, "on_off": on_off}


def _poisson(rng: np.random.Generator, rates: Floats, step: float) -> Floats:
    counts = rng.poisson(rates * step)
    return np.asarray(np.repeat(np.arange(len(rates)) * step, counts) + rng.uniform(0.0, step, counts.sum()))
