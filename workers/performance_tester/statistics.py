"""What do the samples of a load test say, in numbers?

Pure. Percentiles are exact (nothing is binned) and run from when a request was due. Requests that timed out or were
never sent count with the time they waited, a lower bound: leaving them out would make a collapse look fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workers.performance_tester.client import Outcome
from workers.performance_tester.load import CODES, OUTCOMES, Samples

TIMELINE_POINTS = 60
SATURATED_BUSY_SHARE = 0.9
SATURATED_WAKE_SECONDS = 0.05
NO_WAIT = tuple(CODES[outcome] for outcome in (Outcome.REFUSED, Outcome.BROKEN, Outcome.TLS, Outcome.PROTOCOL))


@dataclass(frozen=True, slots=True)
class Moment:
    """One slice of the test."""

    second: float
    requests: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Generator:
    """How hard the load generator itself had to work."""

    busy_share: float
    wake_p99_ms: float | None
    saturated: bool


@dataclass(frozen=True, slots=True)
class Measurement:
    """The numbers of one load test; times in milliseconds, None when nothing was measured."""

    requests: int
    succeeded: int
    errors: dict[str, int]
    statuses: dict[str, int]
    error_rate: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    mean_ms: float | None
    service_p99_ms: float | None
    throughput: float
    offered: float
    elapsed_seconds: float
    bytes_received: int
    timeline: tuple[Moment, ...]
    generator: Generator


def measure(samples: Samples, offered: float) -> Measurement:
    """Summarise `samples` of a test that offered `offered` requests per second."""
    total = len(samples.outcome)
    ok = samples.outcome == CODES[Outcome.OK]
    succeeded = int(ok.sum())
    waited = samples.latency[~np.isin(samples.outcome, NO_WAIT)]
    p50, p95, p99 = percentiles_ms(waited, (50, 95, 99))
    counts = np.bincount(samples.outcome, minlength=len(OUTCOMES))
    return Measurement(
        requests=total,
        succeeded=succeeded,
        errors={
            name.value: int(count)
            for name, count in zip(OUTCOMES, counts, strict=True)
            if count and name is not Outcome.OK
        },
        statuses={str(status): count for status, count in sorted(samples.statuses.items())},
        error_rate=(total - succeeded) / total,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=_milliseconds(waited.max()) if waited.size else None,
        mean_ms=_milliseconds(waited.mean()) if waited.size else None,
        service_p99_ms=percentiles_ms(samples.service[~np.isnan(samples.service)], (99,))[0],
        throughput=succeeded / samples.elapsed,
        offered=offered,
        elapsed_seconds=samples.elapsed,
        bytes_received=samples.bytes_received,
        timeline=timeline(samples),
        generator=_generator(samples),
    )


def percentiles_ms(seconds: npt.NDArray[np.float64], ranks: tuple[float, ...]) -> list[float | None]:
    """Return percentiles in milliseconds: each a value that was really observed, never below its rank."""
    if not seconds.size:
        return [None] * len(ranks)
    return [_milliseconds(value) for value in np.percentile(seconds, ranks, method="inverted_cdf")]


def timeline(samples: Samples) -> tuple[Moment, ...]:
    """Cut the test by due time into at most `TIMELINE_POINTS` slices of at least a second."""
    width = max(1.0, math.ceil(float(samples.due[-1]) / TIMELINE_POINTS))
    slices = (samples.due // width).astype(int)
    moments = []
    for number in range(int(slices[-1]) + 1):
        inside = slices == number
        outcome = samples.outcome[inside]
        waited = samples.latency[inside][~np.isin(outcome, NO_WAIT)]
        p50, p95 = percentiles_ms(waited, (50, 95))
        errors = int((outcome != CODES[Outcome.OK]).sum())
        moments.append(Moment(number * width, int(inside.sum()), errors, p50, p95))
    return tuple(moments)


def _generator(samples: Samples) -> Generator:
    late = percentiles_ms(np.asarray(samples.wake_late), (99,))[0]
    saturated = samples.busy_share > SATURATED_BUSY_SHARE or (late is not None and late > SATURATED_WAKE_SECONDS * 1000)
    return Generator(round(samples.busy_share, 3), late, saturated)


def _milliseconds(seconds: float) -> float:
    return round(float(seconds) * 1000, 3)
