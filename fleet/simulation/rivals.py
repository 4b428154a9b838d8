"""Which well-known load balancers does the fleet not ship, but has to beat?"""

from __future__ import annotations

from fleet.dispatcher.scoring import PoolView, TaskView
from fleet.dispatcher.strategies import Candidate, Ranking, State, screen


def _ranking(name: str, cost: dict[str, float], task: TaskView, pools: tuple[PoolView, ...], state: State) -> Ranking:
    _, rejected = screen(task, pools)
    candidates = sorted((Candidate(pool, -seconds, {"cost": seconds}) for pool, seconds in cost.items()),
                        key=lambda candidate: -candidate.score)  # fmt: skip
    return Ranking(name, tuple(candidates), rejected, state)


def join_shortest_queue(task: TaskView, pools: tuple[PoolView, ...], state: State) -> Ranking:
    """Take the pool with the least work in flight per slot."""
    able, _ = screen(task, pools)
    cost = {pool.name: pool.running / pool.slots for pool in able}
    return _ranking("join_shortest_queue", cost, task, pools, state)


def power_of_two_choices(task: TaskView, pools: tuple[PoolView, ...], state: State) -> Ranking:
    """Draw two pools, take the one with less in flight per slot; the state is the generator's."""
    able, _ = screen(task, pools)
    seed = int(state.get("seed", 1))
    chosen: dict[str, float] = {}
    while len(chosen) < min(2, len(able)):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        pool = able[(seed >> 33) % len(able)]
        chosen[pool.name] = pool.running / pool.slots
    return _ranking("power_of_two_choices", chosen, task, pools, {"seed": seed})


def peak_latency(task: TaskView, pools: tuple[PoolView, ...], state: State) -> Ranking:
    """Take the least (response time x (in flight + 1)) per slot: latency-aware, as service meshes do it."""
    able, _ = screen(task, pools)
    cost = {pool.name: (pool.response_seconds or 1.0) * (pool.running + 1) / pool.slots for pool in able}
    return _ranking("peak_latency", cost, task, pools, state)
