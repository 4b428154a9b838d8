"""Which pool should carry work that several could do, and how much spare capacity do they need together?

`attribute` books held work to the pool the dispatcher would rather give it to, and past what that pool may grow to, to
the next. `margin_needed` is what late binding makes possible: a task waits only while every pool that could take it is full,
so pools that share work need less headroom together than each would alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.scaling import erlang

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PoolOffer:
    """What a pool can carry and what it costs."""

    pool: str
    most_slots: int
    """Slots of as many replicas as it may have."""
    out: bool = False
    """Ejected or paused: takes nothing now."""


@dataclass(frozen=True, slots=True)
class Demand:
    """One task type's waiting work, and which pools can do it how well."""

    task_type: str
    load: float
    """Seconds of predicted work that wait."""
    tasks: int
    costs: Mapping[str, float]
    """pool -> what the dispatcher minds: time, success and price by the operator's knob; others cannot do it."""
    seconds: Mapping[str, float]
    """pool -> seconds of one slot per second of predicted work."""


@dataclass(frozen=True, slots=True)
class Booked:
    """Work one pool is to do."""

    tasks: int = 0
    seconds: float = 0.0


def attribute(
    held: Sequence[Demand], pools: Mapping[str, PoolOffer], in_use: Mapping[str, float], work_off_seconds: float = 20.0
) -> dict[str, Booked]:
    """Return how much held work each pool is booked; `in_use` are slots already busy per pool."""
    tasks = dict.fromkeys(pools, 0)
    seconds = dict.fromkeys(pools, 0.0)
    room = {
        name: max(offer.most_slots - in_use.get(name, 0.0), 0.0) * work_off_seconds for name, offer in pools.items()
    }
    for demand in sorted(held, key=lambda d: len(d.costs)):
        left_load, left_tasks = demand.load, demand.tasks
        ranked = preferred(demand, pools)
        for index, name in enumerate(ranked):
            if left_tasks <= 0:
                break
            fits = room[name] / demand.seconds[name]
            taken = left_load if index == len(ranked) - 1 else min(left_load, fits)
            part = left_tasks if taken >= left_load else int(np.ceil(left_tasks * taken / left_load))
            tasks[name] += part
            seconds[name] += taken * demand.seconds[name]
            room[name] = max(room[name] - taken * demand.seconds[name], 0.0)
            left_load, left_tasks = left_load - taken, left_tasks - part
    return {name: Booked(tasks[name], seconds[name]) for name in pools if tasks[name]}


def preferred(demand: Demand, pools: Mapping[str, PoolOffer]) -> list[str]:
    """Return the pools that can do it and may have replicas, the least cost first."""
    able = [name for name in demand.costs if name in pools and pools[name].most_slots > 0]
    serving = [name for name in able if not pools[name].out] or able
    return sorted(serving, key=lambda name: (demand.costs[name], name))


def margin_needed(
    groups: Sequence[str],
    flexible: Floats,
    load: Floats,
    promise: Floats,
    service: Floats,
    variation: Floats,
    late_share: float,
) -> Floats:
    """Return the part of its own safety margin each pool needs while its group's margins stand in for each other.

    A group that shares all its work needs the margin of one large pool, which is less than the sum of small ones' (the
    square-root law); work only one pool can do (1 - `flexible`) keeps its own.
    """
    if not np.any(flexible):
        return np.ones(len(load))
    _, group = np.unique([name or f" {index}" for index, name in enumerate(groups)], return_inverse=True)
    weights = np.maximum(load, 1e-9)

    def mean(column: Floats) -> Floats:
        return np.asarray(np.bincount(group, weights * column) / np.bincount(group, weights))

    alone = erlang.slots_for(load, promise, service, variation, late_share) - load
    total = np.bincount(group, load)
    together = erlang.slots_for(total, mean(promise), mean(service), mean(variation), late_share) - total
    needed = np.minimum(together / np.maximum(np.bincount(group, alone), 1e-9), 1.0)
    return np.asarray(1.0 - flexible * (1.0 - needed[group]))
