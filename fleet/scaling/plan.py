"""Which pool should carry work that several could do?

Two answers. `attribute` books held work to the pool that does it for the least money, and past what that pool may
grow to, to the next. `share` looks at the whole demand at once: a linear programme moves load between pools to the
cheapest fleet that carries it, so that one flexible pool holds the headroom of several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog


@dataclass(frozen=True, slots=True)
class PoolOffer:
    """What a pool can carry and what it costs."""

    pool: str
    slots_per_replica: int
    maximum: int
    price_per_replica_hour_usd: float
    out: bool = False
    """Ejected or paused: takes nothing now."""

    @property
    def price_per_slot(self) -> float:
        return self.price_per_replica_hour_usd / self.slots_per_replica


@dataclass(frozen=True, slots=True)
class Demand:
    """One task type's load, and which pools can do it how fast."""

    task_type: str
    load: float
    """Seconds of predicted work: waiting now (`attribute`), or arriving per second (`share`)."""
    tasks: int
    speeds: Mapping[str, float]
    """pool -> seconds of one slot per second of predicted work; pools that cannot do it are missing."""


@dataclass(frozen=True, slots=True)
class Booked:
    """Work one pool is to do."""

    tasks: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Load per pool, in busy slots, and what the replicas that carry it cost an hour."""

    loads: Mapping[str, float]
    shares: Mapping[tuple[str, str], float]
    """(task type, pool) -> share of the type's load."""
    hourly_usd: float
    uncarried: Mapping[str, float]
    """task type -> load no capable pool has room for."""


def attribute(
    held: Sequence[Demand], pools: Mapping[str, PoolOffer], in_use: Mapping[str, float], work_off_seconds: float = 20.0
) -> dict[str, Booked]:
    """Return how much held work each pool is booked; `in_use` are slots already busy per pool."""
    tasks = dict.fromkeys(pools, 0)
    seconds = dict.fromkeys(pools, 0.0)
    room = {
        name: max(offer.maximum * offer.slots_per_replica - in_use.get(name, 0.0), 0.0) * work_off_seconds
        for name, offer in pools.items()
    }
    for demand in sorted(held, key=lambda d: len(d.speeds)):
        left_load, left_tasks = demand.load, demand.tasks
        ranked = cheapest(demand, pools)
        for index, name in enumerate(ranked):
            if left_tasks <= 0:
                break
            fits = room[name] / demand.speeds[name]
            taken = left_load if index == len(ranked) - 1 else min(left_load, fits)
            part = left_tasks if taken >= left_load else int(np.ceil(left_tasks * taken / left_load))
            tasks[name] += part
            seconds[name] += taken * demand.speeds[name]
            room[name] = max(room[name] - taken * demand.speeds[name], 0.0)
            left_load, left_tasks = left_load - taken, left_tasks - part
    return {name: Booked(tasks[name], seconds[name]) for name in pools if tasks[name]}


def cheapest(demand: Demand, pools: Mapping[str, PoolOffer]) -> list[str]:
    """Return the pools that can do it and may grow, the least money per second of work first, then the fastest."""
    able = [name for name in demand.speeds if name in pools and pools[name].maximum > 0]
    serving = [name for name in able if not pools[name].out] or able
    return sorted(
        serving, key=lambda name: (demand.speeds[name] * pools[name].price_per_slot, demand.speeds[name], name)
    )


def share(demands: Sequence[Demand], pools: Mapping[str, PoolOffer], use: float = 0.8) -> Plan:
    """Return the cheapest way to carry all demand at `use` of each pool's slots."""
    wanted = [demand for demand in demands if demand.load > 0.0]
    pairs = [(d, name) for d in wanted for name in cheapest(d, pools)]
    if not pairs:
        return Plan(dict.fromkeys(pools, 0.0), {}, 0.0, {d.task_type: d.load for d in wanted})
    columns, names, types = len(pairs), list(pools), len(wanted)
    work = [demand.speeds[name] for demand, name in pairs]
    hourly = [w * pools[name].price_per_slot / use for (_, name), w in zip(pairs, work, strict=True)]
    dearest = max(max(hourly), 1e-6)
    price = [*(cost + 1e-6 * w for cost, w in zip(hourly, work, strict=True)), *([1e3 * dearest + 1.0] * types)]
    carried = np.zeros((types, columns + types))
    taken = np.zeros((len(names), columns + types))
    row_of = {demand.task_type: row for row, demand in enumerate(wanted)}
    for column, (demand, name) in enumerate(pairs):
        carried[row_of[demand.task_type], column] = 1.0
        taken[names.index(name), column] = work[column]
    carried[:, columns:] = np.eye(types)
    capacity = [use * pools[name].maximum * pools[name].slots_per_replica for name in names]
    solved = linprog(price, A_ub=taken, b_ub=capacity, A_eq=carried, b_eq=[d.load for d in wanted], method="highs")
    amounts = solved.x[:columns]
    loads = taken[:, :columns] @ amounts
    left = solved.x[columns:]
    return Plan(
        loads={name: float(load) for name, load in zip(names, loads, strict=True)},
        shares={(d.task_type, name): float(x / d.load) for (d, name), x in zip(pairs, amounts, strict=True) if x > 0.0},
        hourly_usd=float(np.dot(hourly, amounts)),
        uncarried={d.task_type: float(x) for d, x in zip(wanted, left, strict=True) if x > 1e-9},
    )
