"""What may those who obey targets read?

The narrow view of the target store that the external scaler and the local supervisor need: how many replicas, how old
the answer is, and whether there is work at this moment. Two sources ship: the store, and a table in memory for tests
and simulations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from fleet.errors import FleetError, UnknownName
from fleet.scaling import metric


@dataclass(frozen=True, slots=True)
class PublishedTarget:
    """A target as its readers see it."""

    pool: str
    replicas: int
    current: int
    """Replicas that existed when it was computed."""
    age_seconds: float
    """By the store's clock; below zero when that clock stepped back."""
    reason: str = ""

    def stale(self, limit_seconds: float) -> bool:
        """Tell whether the target is too old to act on, or from a future that cannot be."""
        return not -limit_seconds <= self.age_seconds <= limit_seconds


class StaleTarget(FleetError):
    """A target nobody refreshed in time: acting on it would be a guess."""

    def __init__(self, target: PublishedTarget, limit_seconds: float) -> None:
        self.target = target
        super().__init__(
            f"target of pool {target.pool!r} is {target.age_seconds:.0f} s old, over {limit_seconds:.0f} s: "
            "see that the beat job `scaling` runs (`fleet doctor`)"
        )


class TargetSource(Protocol):
    """Where targets come from."""

    def pools(self) -> Collection[str]:
        """Return the pools that have a target."""
        ...

    def target(self, pool: str) -> PublishedTarget | None:
        """Return the pool's target, None when there is none."""
        ...

    def working(self, pools: Collection[str]) -> Mapping[str, bool]:
        """Tell for each pool whether anything is held, queued or running for it now."""
        ...


def metric_value(source: TargetSource, pool: str, tolerance: float, stale_seconds: float) -> float:
    """Return the number an HPA must be given now; refuse to guess from a stale target."""
    target = source.target(pool)
    if target is None:
        raise UnknownName("pool", pool, source.pools())
    if target.stale(stale_seconds):
        raise StaleTarget(target, stale_seconds)
    replicas = target.replicas or int(source.working([pool]).get(pool, False))
    return metric.value(replicas, target.current, tolerance)
