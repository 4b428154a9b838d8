"""Which pool should carry work that several could do, and how much spare capacity do they need together?

`attribute` books held work to the pool the dispatcher would rather give it to, and where those cannot grow that far, as
cheaply as can be. `margin_needed` is what late binding makes possible: a task waits only while every pool that could take it is full,
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
    room = {
        name: max(offer.most_slots - in_use.get(name, 0.0), 0.0) * work_off_seconds for name, offer in pools.items()
    }
    ranked = [(demand, found) for demand in held if demand.tasks > 0 and (found := preferred(demand, pools))]
    tasks = dict.fromkeys(pools, 0)
    seconds = dict.fromkeys(pools, 0.0)
    for demand, parts in zip([demand for demand, _ in ranked], _split(ranked, room), strict=True):
        for name, count in zip(parts, _whole(demand.tasks, list(parts.values())), strict=True):
            tasks[name] += count
            seconds[name] += parts[name] * demand.seconds[name]
    return {name: Booked(tasks[name], seconds[name]) for name in pools if tasks[name]}


def _split(ranked: Sequence[tuple[Demand, list[str]]], room: Mapping[str, float]) -> list[dict[str, float]]:
    """Return pool -> work for every demand: its first choice while all of them fit, which is the least cost there is."""
    first = dict.fromkeys(room, 0.0)
    for demand, names in ranked:
        first[names[0]] += demand.load * demand.seconds[names[0]]
    if all(first[name] <= room[name] for name in room):
        return [{names[0]: demand.load} for demand, names in ranked]
    # Only now: the solver takes a tenth of a second to import, and most programs that read this never need it.
    from fleet.scaling.assignment import cheapest

    place = {name: index for index, name in enumerate(room)}
    pairs = [(index, demand, name) for index, (demand, names) in enumerate(ranked) for name in names]
    amounts = cheapest(
        np.asarray([demand.load for demand, _ in ranked]),
        [index for index, _, _ in pairs],
        [place[name] for _, _, name in pairs],
        np.asarray([demand.costs[name] for _, demand, name in pairs]),
        np.asarray([demand.seconds[name] for _, demand, name in pairs]),
        np.asarray(list(room.values())),
    )
    found: list[dict[str, float]] = [{} for _ in ranked]
    for (index, _, name), amount in zip(pairs, amounts, strict=True):
        if amount > 1e-9:
            found[index][name] = float(amount)
    return [parts or {names[0]: demand.load} for parts, (demand, names) in zip(found, ranked, strict=True)]


def _whole(tasks: int, parts: Sequence[float]) -> list[int]:
    """Return the tasks of each part: whole ones, in proportion, none lost."""
    total = sum(parts) or 1.0
    exact = [tasks * part / total for part in parts] if sum(parts) else [float(tasks), *[0.0] * (len(parts) - 1)]
    counts = [int(share) for share in exact]
    by_rest = sorted(range(len(parts)), key=lambda index: counts[index] - exact[index])
    for index in by_rest[: tasks - sum(counts)]:
        counts[index] += 1
    return counts


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
