"""When does every task start and end, given who decides?

A discrete-event loop: arrivals from an array, completions from a heap. The dispatcher is told what happened and answers
with releases; a release to a busy pool queues there (early binding), late-binding dispatchers never do that.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fleet.simulation.fleets import Floats, Integers
from fleet.simulation.workload import MAX_ATTEMPTS, Fault, Workload

Releases = Sequence[int]
"""Flat: task, pool, task, pool, ..."""

TICK_SECONDS = 5.0


class Dispatcher(Protocol):
    """Whoever decides; tasks and pools are indices into the workload and its fleet."""

    def arrive(self, now: float, task: int) -> Releases:
        """Take in a new task and say what is released now."""

    def finish(self, now: float, task: int, pool: int, seconds: float, ok: bool, again: bool) -> Releases:
        """Take note of an attempt's end (`again`: it failed and has attempts left) and say what is released now."""

    def tick(self, now: float) -> Releases:
        """Say what may be released merely because time has passed."""


@dataclass(frozen=True, slots=True)
class Run:
    """What happened to every task, in order of arrival."""

    workload: Workload
    wait: Floats
    """Seconds from arrival to first start."""
    response: Floats
    """Seconds from arrival to success or final failure."""
    succeeded: Integers
    attempts: Integers
    pool: Integers
    """Where the last attempt ran."""
    busy: Floats
    """Slot-seconds spent by pool."""


def simulate(workload: Workload, dispatcher: Dispatcher) -> Run:
    """Play the workload against the dispatcher until every task has ended."""
    fleet, count = workload.fleet, len(workload)
    arrival, kind, size = workload.arrival.tolist(), workload.kind.tolist(), workload.size.tolist()
    seconds, success, luck = fleet.seconds.tolist(), fleet.success.tolist(), workload.luck
    faults = [[fault for fault in workload.faults if fault.pool == pool] for pool in range(len(fleet.pools))]
    free = [pool.slots for pool in fleet.pools]
    queues: list[deque[int]] = [deque() for _ in fleet.pools]
    first_start, end, attempts, place = [-1.0] * count, [0.0] * count, [0] * count, [-1] * count
    succeeded, busy = [0] * count, [0.0] * len(free)
    running: list[tuple[float, int, int, float, bool]] = []

    def start(now: float, task: int, pool: int) -> None:
        if free[pool] <= 0:
            queues[pool].append(task)
            return
        free[pool] -= 1
        if first_start[task] < 0:
            first_start[task] = now
        work, chance = size[task] * seconds[kind[task]][pool], success[kind[task]][pool]
        ok = luck[task, attempts[task]] < chance
        attempts[task] += 1
        until = now + work
        if faults[pool]:
            until, ok = _under_faults(faults[pool], now, work, ok, luck[task, attempts[task] - 1] / chance)
        place[task] = pool
        heapq.heappush(running, (until, task, pool, now, ok))

    def apply(now: float, releases: Releases) -> None:
        for index in range(0, len(releases), 2):
            start(now, releases[index], releases[index + 1])

    at, open_tasks, next_tick = 0, count, TICK_SECONDS
    while open_tasks:
        next_end = running[0][0] if running else np.inf
        next_arrival = arrival[at] if at < count else np.inf
        if next_tick < next_end and next_tick < next_arrival:
            apply(next_tick, dispatcher.tick(next_tick))
            next_tick += TICK_SECONDS
        elif next_arrival <= next_end:
            at += 1
            apply(next_arrival, dispatcher.arrive(next_arrival, at - 1))
        else:
            now, task, pool, began, ok = heapq.heappop(running)
            free[pool] += 1
            busy[pool] += now - began
            again = not ok and attempts[task] < MAX_ATTEMPTS
            if not again:
                open_tasks -= 1
                end[task], succeeded[task] = now, int(ok)
            if queues[pool]:
                start(now, queues[pool].popleft(), pool)
            apply(now, dispatcher.finish(now, task, pool, now - began, ok, again))

    return Run(
        workload,
        wait=np.array(first_start) - workload.arrival,
        response=np.array(end) - workload.arrival,
        succeeded=np.array(succeeded),
        attempts=np.array(attempts),
        pool=np.array(place),
        busy=np.array(busy),
    )


def _under_faults(faults: Sequence[Fault], now: float, work: float, ok: bool, luck: float) -> tuple[float, bool]:
    """Return end and outcome of an attempt that starts now on a pool with these faults (in order of time)."""
    at = now
    for fault in faults:
        if fault.start <= now < fault.end:
            if fault.fails_after is not None:
                return now + fault.fails_after, False
            ok = ok and luck >= fault.error_share
        if at + work <= fault.start or at >= fault.end:
            continue
        before = max(0.0, fault.start - at)
        inside = (fault.end - max(at, fault.start)) / fault.slower
        if work <= before + inside:
            return at + before + (work - before) * fault.slower, ok
        work -= before + inside
        at = fault.end
    return at + work, ok
