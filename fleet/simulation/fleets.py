"""Which pools serve which task types, how fast, how reliably, and what is the most they can carry?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.errors import ConfigurationError
from fleet.scaling.linear_program import Limits, cheapest_mix

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SimulatedPool:
    """A pool as it really is, which a dispatcher has to find out."""

    name: str
    slots: int
    price_per_slot_hour: float = 0.0
    weight: int = 5
    """What the operator declared (1-10), right or wrong."""


@dataclass(frozen=True, slots=True)
class SimulatedType:
    """A task type: share of the traffic and log-normal size, in seconds on a pool of speed 1."""

    name: str
    share: float
    mean_seconds: float
    variation: float
    """Coefficient of variation of the size."""


@dataclass(frozen=True, slots=True)
class SimulatedFleet:
    """Pools and task types with their true speeds."""

    pools: tuple[SimulatedPool, ...]
    types: tuple[SimulatedType, ...]
    seconds: Floats
    """[type, pool]: service seconds per second of size; NaN: not capable."""
    success: Floats
    """[type, pool]: share of attempts that succeed."""

    @property
    def slots(self) -> int:
        """Return how many tasks run at once."""
        return sum(pool.slots for pool in self.pools)

    def capacity(self, shares: Floats | None = None, sizes: Floats | None = None) -> float:
        """Return the greatest sustainable arrival rate (tasks/s): a linear programme over who serves what."""
        kinds, pools = self.seconds.shape
        share = shares if shares is not None else np.array([kind.share for kind in self.types])
        size = sizes if sizes is not None else np.array([kind.mean_seconds for kind in self.types])
        work = size[:, None] * np.nan_to_num(self.seconds, nan=1.0) / self.success
        # x[kind, pool]: tasks/s of the kind that the pool takes; the last variable is the rate of all of them together.
        pairs, rate = np.arange(kinds * pools), kinds * pools
        kind, pool = np.divmod(pairs, pools)
        limits = Limits(
            row=np.concatenate([kind, np.arange(kinds), kinds + pool]).astype(np.int32),
            column=np.concatenate([pairs, np.full(kinds, rate), pairs]).astype(np.int32),
            value=np.concatenate([np.ones(rate), -share, work.ravel()]),
            least=np.concatenate([np.zeros(kinds), np.full(pools, -np.inf)]),
            most=np.concatenate([np.zeros(kinds), [float(row.slots) for row in self.pools]]),
        )
        most = np.append(np.where(np.isnan(self.seconds).ravel(), 0.0, np.inf), np.inf)
        found = cheapest_mix(np.append(np.zeros(rate), -1.0), limits, most)
        if found is None:
            raise ConfigurationError("a simulated fleet needs, for every task type, a pool that can do it")
        return float(found[-1])


def unequal_pools() -> SimulatedFleet:
    """Return four unlike pools: premium, standard, economy (no research; weight wrongly 1), code specialist."""
    nan = np.nan
    speed = np.array([
        # premium standard economy code
        [2.0, 1.0, 0.60, 0.80],  # chat
        [2.0, 1.0, 0.50, 1.60],  # code
        [2.0, 1.0, nan, 0.70],  # research
        [2.0, 1.0, 0.55, 0.75],  # data
    ])
    success = np.array([
        [0.99, 0.98, 0.95, 0.97],
        [0.98, 0.96, 0.90, 0.98],
        [0.97, 0.94, 0.90, 0.93],
        [0.99, 0.97, 0.94, 0.95],
    ])
    return SimulatedFleet(
        pools=(
            SimulatedPool("premium", 16, 4.0 / 4, 10),
            SimulatedPool("standard", 32, 1.5 / 4, 5),
            SimulatedPool("economy", 32, 0.6 / 4, 1),
            SimulatedPool("code_specialist", 16, 2.0 / 4, 5),
        ),
        types=(
            SimulatedType("chat", 0.50, 6, 1.0),
            SimulatedType("code", 0.25, 25, 1.5),
            SimulatedType("research", 0.10, 60, 1.0),
            SimulatedType("data", 0.15, 15, 2.0),
        ),
        seconds=1 / speed,
        success=success,
    )


def equal_pools(pools: int = 10, slots: int = 8, mean_seconds: float = 10.0, variation: float = 1.0) -> SimulatedFleet:
    """Return pools nobody can tell apart, serving one task type."""
    return SimulatedFleet(
        pools=tuple(SimulatedPool(f"pool{index}", slots) for index in range(pools)),
        types=(SimulatedType("task", 1.0, mean_seconds, variation),),
        seconds=np.ones((1, pools)),
        success=np.ones((1, pools)),
    )
