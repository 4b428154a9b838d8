"""How does a strategy over snapshots take part in a simulation?

Either as the fleet runs it (pools at capacity are no candidates; tasks nobody can take are held, oldest first), or as
plain queues run it: every pool has its own queue, the choice is made on arrival and final.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from fleet.dispatcher.scoring import PoolView, TaskView, outcomes_after, response_after, success_rate
from fleet.dispatcher.strategies import Ranking, State, Strategy
from fleet.simulation.engine import Releases
from fleet.simulation.fleets import Floats
from fleet.simulation.lua import load_into, runtime, table
from fleet.simulation.workload import Workload

_LEARNING = ("learn_attempt", "shrunk_speed", "learn_success", "learn_service", "new_size", "predict_size")


class _Pool:
    """What is known about one pool so far."""

    def __init__(self, types: int) -> None:
        self.running = 0
        self.response: float | None = None
        self.outcomes: tuple[bool, ...] = ()
        self.speed, self.count = 1.0, 0
        self.service, self.served = 10.0, 0
        self.by_type = [(1.0, 0, 1.0)] * types


class Ranked:
    """A strategy and the numbers it lives on, learned from what finishes."""

    def __init__(self, workload: Workload, strategy: Strategy, hint: Floats | None = None, *,
                 at_pools: bool = False) -> None:  # fmt: skip
        fleet = workload.fleet
        self._strategy, self._fleet, self._at_pools = strategy, fleet, at_pools
        self._lua = runtime("luajit21")
        functions = load_into(self._lua, "dispatcher/deciders/attempt.lua", *_LEARNING)
        self._wiser, self._shrunk, self._success, self._service, new_size, self._predict = functions
        self._able = (~np.isnan(fleet.seconds)).tolist()
        self._kind, self._complexity = workload.kind.tolist(), workload.complexity.tolist()
        self._names = [kind.name for kind in fleet.types]
        self._hint = [0.0] * len(workload) if hint is None else hint.tolist()
        self._sizes = [new_size(10.0) for _ in fleet.types]
        self._pools = [_Pool(len(fleet.types)) for _ in fleet.pools]
        self._slots = [pool.slots for pool in fleet.pools]
        self._index = {pool.name: index for index, pool in enumerate(fleet.pools)}
        self._views: dict[tuple[int, int], PoolView] = {}
        self._held: list[deque[int]] = [deque() for _ in fleet.types]
        self._blocked: set[int] = set()
        self._task: dict[int, TaskView] = {}
        self._state: State = {}

    def arrive(self, now: float, task: int) -> Releases:
        """Choose a pool now, or hold the task."""
        del now
        kind = self._kind[task]
        size = self._predict(self._sizes[kind], self._hint[task])
        self._task[task] = TaskView(self._names[kind], self._complexity[task], size)
        self._held[kind].append(task)
        return self._release()

    def finish(self, now: float, task: int, pool: int, seconds: float, ok: bool, again: bool) -> Releases:
        """Learn from the attempt; a failed task goes to the front of its queue, away from this pool."""
        del now
        self._learn(task, pool, seconds, ok)
        if again:
            seen = self._task[task]
            excluded = seen.excluded | {self._fleet.pools[pool].name}
            self._task[task] = TaskView(seen.task_type, seen.complexity, seen.size_seconds, excluded)
            self._held[self._kind[task]].appendleft(task)
        else:
            del self._task[task]
        self._blocked -= {kind for kind, able in enumerate(self._able) if able[pool]}
        return self._release()

    def resize(self, now: float, pool: int, slots: int) -> Releases:
        """Take note that a pool has so many slots now."""
        del now
        self._slots[pool] = slots
        self._forget(pool)
        return self._release()

    def tick(self, now: float) -> Releases:
        """Nothing here depends on time alone."""
        del now
        return ()

    def _release(self) -> Releases:
        released: list[int] = []
        while waiting := [kind for kind, held in enumerate(self._held) if held and kind not in self._blocked]:
            kind = min(waiting, key=lambda kind: self._held[kind][0])
            ranking = self._rank(kind)
            if ranking.chosen is None:
                self._blocked.add(kind)  # until a slot it can use is free again
                continue
            pool = self._index[ranking.chosen]
            self._state = ranking.state
            self._pools[pool].running += 1
            self._forget(pool)
            released += (self._held[kind].popleft(), pool)
        return released

    def _rank(self, kind: int) -> Ranking:
        views = tuple(self._view(kind, pool) for pool in range(len(self._pools)))
        return self._strategy(self._task[self._held[kind][0]], views, self._state)

    def _view(self, kind: int, pool: int) -> PoolView:
        view = self._views.get((kind, pool))
        if view is None:
            known, spec = self._pools[pool], self._fleet.pools[pool]
            speed, count, success = known.by_type[kind]
            view = self._views[kind, pool] = PoolView(
                name=spec.name,
                slots=self._slots[pool],
                running=known.running,
                weight=spec.weight,
                is_capable=self._able[kind][pool],
                success_rate=success_rate(known.outcomes),
                response_seconds=known.response or 0.0,
                speed=self._shrunk(speed, count, known.speed),
                success=success,
                service_seconds=known.service,
                may_queue=self._at_pools,
            )
        return view

    def _forget(self, pool: int) -> None:
        for kind in range(len(self._names)):
            self._views.pop((kind, pool), None)

    def _learn(self, task: int, pool: int, seconds: float, ok: bool) -> None:
        known, kind = self._pools[pool], self._kind[task]
        speed, count, success = known.by_type[kind]
        known.running -= 1
        known.outcomes = outcomes_after(known.outcomes, ok)
        known.response = response_after(known.response, seconds)
        success = self._success(success, ok)
        if ok:
            pair = {"speed": speed, "count": count, "pool_speed": known.speed, "pool_count": known.count}
            before = table(self._lua, {**pair, "size": self._sizes[kind]})
            after = self._wiser(before, self._hint[task], seconds)
            speed, count, known.speed, known.count = after.speed, after.count, after.pool_speed, after.pool_count
            self._sizes[kind] = after.size
            known.service, known.served = self._service(known.service, known.served, seconds)
        known.by_type[kind] = (speed, count, success)
        self._forget(pool)
