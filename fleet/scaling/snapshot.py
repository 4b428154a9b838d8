"""What do counts and sums say about every pool since the last tick?

A task arrives when it is released to a pool or joins what is held for it. Sums only grow, so the decider gets differences
and a tick nobody ran is not lost; a sum that shrank was reset and counts from zero. Pure: the store is read in `gather`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleet.catalogue.declaration import Catalogue, Pool
from fleet.scaling.plan import Booked, Demand, PoolOffer, attribute
from fleet.scaling.pool import PoolSnapshot

SUMS = ("started", "seconds", "squares", "late", "waited")
MEMORY = 0.02
"""Weight of one more task in the mean predicted size."""
BOUND_EARLY = "@"
Sums = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was read, before any arithmetic."""

    sums: Mapping[str, Sums]
    service: Mapping[str, tuple[float, float]]
    """pool -> learned mean service time and mean of its square."""
    in_flight: Mapping[str, int]
    slots: Mapping[str, int]
    closed: frozenset[str]
    """Pools that are paused or ejected."""
    held: Mapping[str, int]
    """lane -> held tasks."""
    costs: Mapping[str, Mapping[str, float]]
    """task type -> pool -> the dispatcher's cost factor: expected seconds of success per second of size, price added."""
    sizes: Mapping[str, float]
    """task type -> learned mean size in seconds."""
    speed_or_price: float = 0.0
    """The operator's knob inside the cost factors."""


def snapshots(
    gathered: Gathered,
    catalogue: Catalogue,
    previous: Mapping[str, Sums],
    seasonal: Mapping[str, float | None],
    wait_goal_seconds: float,
) -> tuple[list[PoolSnapshot], dict[str, dict[str, float]]]:
    """Return a snapshot per declared pool, and the counters to remember for the next tick."""
    booked = held_work(gathered, catalogue)
    groups = sharing(catalogue)
    found, counters = [], {}
    for name, pool in catalogue.pools.items():
        before, sums = previous.get(name), gathered.sums[name]
        since = {key: _since(sums[key], before.get(key)) if before else 0.0 for key in SUMS}
        guess = first_guess_seconds(pool, catalogue)
        mean, square = gathered.service.get(name, (guess, 2.0 * guess**2))
        size = _mean_size(since, before, guess)
        work = booked.get(name, Booked())
        counters[name] = {**sums, "size": size, "held": work.tasks, "held_seconds": work.seconds}
        arrived = max(since["started"] + work.tasks - (before or {}).get("held", 0), 0)
        sized = max(since["seconds"] * mean / size + work.seconds - (before or {}).get("held_seconds", 0.0), 0.0)
        spread = since["squares"] / since["seconds"] * mean / size if since["seconds"] else mean
        started = int(since["started"])
        found.append(
            PoolSnapshot(
                pool=name,
                slots_per_replica=pool.slots,
                ready=-(-gathered.slots.get(name, 0) // pool.slots),
                held=work.tasks,
                held_seconds=work.seconds,
                running=gathered.in_flight.get(name, 0),
                arrived=int(arrived),
                arrived_seconds=sized,
                arrived_square_seconds=sized * spread,
                started=started,
                late=min(int(since["late"]), started),
                service_seconds=mean,
                service_square_seconds=square,
                wait_goal_seconds=pool.wait_goal_seconds or wait_goal_seconds,
                wait_seconds=since["waited"] / started if started else 0.0,
                group=groups[name][0],
                flexible=groups[name][1],
                seasonal_load=seasonal.get(name),
            )
        )
    return found, counters


def held_work(gathered: Gathered, catalogue: Catalogue) -> dict[str, Booked]:
    """Return the held work of every pool: its own lane's, and its part of what several pools could do."""
    offers = {
        name: PoolOffer(name, pool.max_replicas * pool.slots, name in gathered.closed)
        for name, pool in catalogue.pools.items()
    }
    demands = []
    for lane, tasks in gathered.held.items():
        if not tasks or lane.startswith(BOUND_EARLY):
            continue
        declared = catalogue.task_types.get(lane)
        size = gathered.sizes.get(lane) or (declared.expected_seconds if declared else 10.0)
        costs = gathered.costs.get(lane) or {pool.name: pool.speed for pool in catalogue.capable_pools(lane)}
        seconds = {
            name: cost / (1.0 + gathered.speed_or_price * catalogue.pools[name].price_per_slot_hour_usd)
            for name, cost in costs.items()
            if name in catalogue.pools
        }
        demands.append(Demand(lane, tasks * size, tasks, costs, seconds))
    shared = attribute(demands, offers, {name: float(count) for name, count in gathered.in_flight.items()})
    for lane, tasks in gathered.held.items():
        if tasks and lane.startswith(BOUND_EARLY) and (name := lane.removeprefix(BOUND_EARLY)) in catalogue.pools:
            own = shared.get(name, Booked())
            mean = gathered.service.get(name, (first_guess_seconds(catalogue.pools[name], catalogue),))[0]
            shared[name] = Booked(own.tasks + tasks, own.seconds + tasks * mean)
    return shared


def sharing(catalogue: Catalogue) -> dict[str, tuple[str, float]]:
    """Return pool -> its group (pools linked by task types they share) and the share of its task types others can do."""
    able = {kind: [pool.name for pool in catalogue.capable_pools(kind)] for kind in catalogue.task_types}
    group = {name: name for name in catalogue.pools}
    for pools in able.values():
        linked = {group[name] for name in pools}
        group = {name: min(linked) if label in linked else label for name, label in group.items()}
    found = {}
    for name, pool in catalogue.pools.items():
        runs = [kind for kind in catalogue.agent_types[pool.agent_type].runs if kind in able]
        shared = sum(len(able[kind]) > 1 for kind in runs)
        found[name] = (group[name], shared / len(runs) if runs else 0.0)
    return found


def first_guess_seconds(pool: Pool, catalogue: Catalogue) -> float:
    """Return how long the pool's tasks take by declaration, until that is learned."""
    runs: Sequence[str] = catalogue.agent_types[pool.agent_type].runs
    expected = [catalogue.task_types[kind].expected_seconds for kind in runs if kind in catalogue.task_types]
    return pool.speed * (sum(expected) / len(expected) if expected else 10.0)


def _mean_size(since: Sums, before: Sums | None, guess: float) -> float:
    """Return the mean predicted size of the pool's tasks: what translates sizes into this pool's service time."""
    known = before["size"] if before else None
    if since["started"] <= 0.0 or since["seconds"] <= 0.0:
        return float(known or guess)
    now = since["seconds"] / since["started"]
    if known is None:
        return now
    kept: float = (1.0 - MEMORY) ** since["started"]
    return kept * known + (1.0 - kept) * now


def _since(now: float, before: float | None) -> float:
    return now if before is None or now < before else now - before
