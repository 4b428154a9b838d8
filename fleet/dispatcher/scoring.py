"""How good is a pool for a task, term by term?

The formulas of `ai_optimized` and of least expected completion time, and the two learned inputs of the former. Pure:
values in, values out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.errors import ConfigurationError

UNKNOWN_COMPATIBILITY = 0.5
RESPONSE_TIME_WEIGHT = 0.1
OUTCOMES_KEPT = 100


@dataclass(frozen=True, slots=True)
class TaskView:
    """What a strategy may know about a task."""

    task_type: str
    complexity: float = 0.5
    size_seconds: float = 10.0
    """Predicted service time on an average pool."""
    excluded: frozenset[str] = frozenset()
    """Pools that failed this task before."""

    def __post_init__(self) -> None:
        if not 0 <= self.complexity <= 1:
            raise ConfigurationError(f"complexity of {self.task_type!r} is {self.complexity}: use 0 (easy) to 1")


@dataclass(frozen=True, slots=True)
class PoolView:
    """What a strategy may know about a pool, as one task sees it."""

    name: str
    slots: int
    """Replicas that are ready, times slots of each."""
    running: int = 0
    """Tasks released to the pool and not finished."""
    weight: int = 1
    is_capable: bool = True
    is_out: bool = False
    """Ejected after failures."""
    compatibility: float | None = None
    success_rate: float = 1.0
    response_seconds: float = 0.0
    speed: float = 1.0
    """Learned seconds of service per second of size for this task type."""
    success: float = 1.0
    """Learned share of this task type's attempts that succeed."""
    service_seconds: float = 10.0
    """Mean service time of whatever the pool runs."""
    may_queue: bool = False
    """Takes tasks beyond its slots into a queue of its own, as plain Celery queues do."""

    @property
    def is_full(self) -> bool:
        """Tell whether the pool is at capacity, and hence no candidate."""
        return self.running >= self.slots and not self.may_queue

    @property
    def load(self) -> float:
        """Return the share of slots in use, at most 1."""
        return min(1.0, self.running / self.slots) if self.slots else 1.0


def complexity_fitness(complexity: float, weight: int) -> float:
    """Return how well a pool of this weight (1-10) suits a task of this complexity: easy tasks suit every pool."""
    if complexity <= 0.3:
        return 1.0
    if complexity <= 0.7:
        return 1 - abs(weight - 5) / 5
    return weight / 10


def ai_optimized_terms(task: TaskView, pool: PoolView) -> Mapping[str, float]:
    """Return the weighted terms of `ai_optimized`; their sum is the score, highest wins."""
    compatibility = UNKNOWN_COMPATIBILITY if pool.compatibility is None else pool.compatibility
    return {
        "success_rate": 0.3 * pool.success_rate,
        "response_time": 0.25 / (1 + pool.response_seconds),
        "load": 0.2 * (1 - pool.load),
        "compatibility": 0.15 * compatibility,
        "complexity_fitness": 0.1 * complexity_fitness(task.complexity, pool.weight),
    }


def completion_terms(task: TaskView, pool: PoolView) -> Mapping[str, float]:
    """Return seconds to wait and to serve, each until success; their sum is the cost, lowest wins."""
    ahead = max(0, pool.running - pool.slots + 1)
    return {
        "wait": ahead * pool.service_seconds / pool.slots / pool.success,
        "service": task.size_seconds * pool.speed / pool.success,
    }


def response_after(mean: float | None, sample: float) -> float:
    """Return the average response time after one more sample (the first one counts whole)."""
    return sample if mean is None else mean + RESPONSE_TIME_WEIGHT * (sample - mean)


def outcomes_after(outcomes: tuple[bool, ...], ok: bool) -> tuple[bool, ...]:
    """Return the pool's last 100 outcomes after one more."""
    return (*outcomes, ok)[-OUTCOMES_KEPT:]


def success_rate(outcomes: tuple[bool, ...]) -> float:
    """Return the share of successes; a pool that has run nothing yet gets the benefit of the doubt."""
    return sum(outcomes) / len(outcomes) if outcomes else 1.0
