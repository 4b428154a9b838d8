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


class NoTargets(FleetError):
    """Nothing was ever published, or the store lost it: which is not the same as zero."""

    def __init__(self) -> None:
        super().__init__("no target has been published yet: see that the beat job `scaling` runs (`fleet doctor`)")


class TargetSource(Protocol):
    """Where targets come from."""

    def pools(self) -> Collection[str]:
        """Return the pools that have a target."""
        ...

    def targets(self, pools: Collection[str]) -> Mapping[str, PublishedTarget]:
        """Return the targets of those of the pools that have one."""
        ...

    def past(self, pool: str) -> metric.Past:
        """Return what was published for the pool in the last `metric.WINDOW_SECONDS`."""
        ...

    def working(self, pools: Collection[str]) -> Mapping[str, bool]:
        """Tell for each pool whether anything is held, queued or running for it now."""
        ...


def fresh(target: PublishedTarget, stale_seconds: float) -> PublishedTarget:
    """Return the target; refuse to guess from a stale one."""
    if target.stale(stale_seconds):
        raise StaleTarget(target, stale_seconds)
    return target


def known_target(source: TargetSource, pool: str, stale_seconds: float) -> PublishedTarget:
    """Return the pool's fresh target; refuse an unknown pool, and to guess where there is none at all."""
    target = source.targets([pool]).get(pool)
    if target is None:
        pools = source.pools()
        raise UnknownName("pool", pool, pools) if pools else NoTargets()
    return fresh(target, stale_seconds)


def activity(source: TargetSource, pools: Collection[str], stale_seconds: float) -> Mapping[str, bool | FleetError]:
    """Tell for each pool whether it must have a replica, or why that is not known; work at this moment needs no target."""
    working = source.working(pools)
    quiet = [pool for pool in pools if not working.get(pool, False)]
    targets = source.targets(quiet) if quiet else {}
    return {pool: _activity(source, pool, targets.get(pool), stale_seconds) if pool in quiet else True for pool in pools}


def metric_value(source: TargetSource, pool: str, tolerance: float, stale_seconds: float) -> float:
    """Return the number an HPA must be given now."""
    target = known_target(source, pool, stale_seconds)
    if not target.replicas:
        return float(source.working([pool]).get(pool, False))
    if tolerance <= 0.0:
        return float(target.replicas)
    past = list(source.past(pool))
    if not past or past[-1][1] != target.replicas:
        past.append((past[-1][0] if past else 0.0, target.replicas))
    return metric.value(past, tolerance, 2.0 * stale_seconds)


def _activity(
    source: TargetSource, pool: str, target: PublishedTarget | None, stale_seconds: float
) -> bool | FleetError:
    try:
        return (fresh(target, stale_seconds) if target else known_target(source, pool, stale_seconds)).replicas > 0
    except FleetError as error:
        return error
