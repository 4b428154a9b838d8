"""How good was a run, in the few numbers people compare?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fleet.simulation.engine import Run
from fleet.simulation.fleets import Floats

WARM_UP = 0.1
"""Share of the tasks, the first ones, that no figure counts: everybody starts knowing nothing."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Seconds, shares and rates of one run after warm-up."""

    response_mean: float
    response_p50: float
    response_p99: float
    wait_mean: float
    wait_p50: float
    wait_p99: float
    within_10_seconds: float
    """Share of tasks that start within 10 s."""
    wait_by_quarter: tuple[float, float, float, float]
    """Mean wait of the tasks that arrive in each quarter of the run; growing means overload."""
    success: float
    attempts: float
    throughput: float
    """Tasks per second of the whole run, until the last one ended."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def summarise(run: Run, chosen: np.ndarray[Any, np.dtype[np.bool_]] | None = None) -> Summary:
    """Return the figures of a run, over the chosen tasks (default: all after warm-up)."""
    count = len(run.workload)
    counted = np.arange(count) >= WARM_UP * count if chosen is None else chosen
    wait, response = run.wait[counted], run.response[counted]
    last = float((run.workload.arrival + run.response).max())
    return Summary(
        response_mean=_mean(response),
        response_p50=_percentile(response, 50),
        response_p99=_percentile(response, 99),
        wait_mean=_mean(wait),
        wait_p50=_percentile(wait, 50),
        wait_p99=_percentile(wait, 99),
        within_10_seconds=_mean(wait <= 10),
        wait_by_quarter=_quarters(run, counted),
        success=_mean(run.succeeded[counted]),
        attempts=_mean(run.attempts[counted]),
        throughput=count / (last - float(run.workload.arrival[0])),
    )


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def _percentile(values: Floats, share: float) -> float:
    return float(np.percentile(values, share)) if len(values) else 0.0


def _quarters(run: Run, counted: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[float, float, float, float]:
    parts = np.array_split(run.wait[counted], 4)
    first, second, third, fourth = (_mean(part) for part in parts)
    return first, second, third, fourth
