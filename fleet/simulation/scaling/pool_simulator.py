"""What happens to a workload when a controller sizes its pool?

Discrete events: arrivals queue first-in first-out for idle slots, replicas take a start-up time, are paid for from
their creation until they are gone, and leave by draining (they finish what they run) or by being killed after a grace
period, when their tasks start again at the head of the queue.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import Protocol

import numpy as np

from fleet.errors import FleetError
from fleet.simulation.scaling.pool_values import Counts, Leave, Outcome, PoolShape, Samples
from fleet.simulation.scaling.workload import Workload

STARTING, READY, LEAVING, GONE = range(4)
FINISH, START, KILL = range(3)


GIVEN_UP_SECONDS = 30 * 86_400.0


class Stuck(FleetError):
    """A controller that never gives the pool what its work needs."""


class Controller(Protocol):
    """Sizes a pool: looks every `period_seconds`, answers with the replicas that should exist."""

    period_seconds: float

    def desired(self, pool: PoolSimulator, /) -> int: ...


class PoolSimulator:
    """One pool, one workload, one controller."""

    def __init__(self, workload: Workload, shape: PoolShape, leave: Leave | None = None, seed: int = 0) -> None:
        self.workload, self.shape, self.leave = workload, shape, leave or Leave()
        self.rng = np.random.default_rng(seed)
        self.now = 0.0
        self.queue: deque[int] = deque()
        self.queued_seconds = 0.0
        self.counts = Counts()
        self.state: list[int] = []
        self.busy: list[int] = []
        self.created: list[float] = []
        self.tasks: list[set[int]] = []
        self.running = 0
        self._starting: dict[int, None] = {}
        self._ready: dict[int, None] = {}
        self._free: deque[int] = deque()
        self._events: list[tuple[float, int, int, int]] = []
        self._predictions = workload.predictions.tolist()
        self._services = workload.services.tolist()
        self._arrivals = workload.arrivals.tolist()
        self._waits = np.zeros(len(self._arrivals))
        self._done = np.zeros(len(self._arrivals))
        self._attempt: dict[int, int] = {}
        self._told: dict[int, float] = {}
        self.paid = 0.0
        self.killed = self.cut = self.resizes = 0
        self.samples = Samples()

    @property
    def ordered(self) -> int:
        """Replicas that exist and are not leaving."""
        return len(self._ready) + len(self._starting)

    @property
    def ready(self) -> int:
        """Replicas that take tasks."""
        return len(self._ready)

    @property
    def ready_replicas(self) -> list[int]:
        """Their numbers."""
        return list(self._ready)

    def run(self, controller: Controller) -> Outcome:
        """Play the workload to its last task."""
        self._grow(self.shape.minimum, at_once=True)
        tick, next_arrival, count = controller.period_seconds, 0, len(self._arrivals)
        at = 0.0
        while next_arrival < count or self.running or self.queue:
            at += tick
            next_arrival = self._advance(at, next_arrival, count)
            self.now = at
            if at > self.workload.horizon + GIVEN_UP_SECONDS:
                raise Stuck(
                    f"{len(self.queue)} tasks still wait {GIVEN_UP_SECONDS / 86_400:.0f} days after the last came"
                )
            self._resize(controller.desired(self))
            self.counts = Counts()
            self._sample()
        for replica, state in enumerate(self.state):
            if state != GONE:
                self.paid += self.now - self.created[replica]
        return Outcome(
            self._waits,
            self._done - self.workload.arrivals,
            self.paid,
            self.killed,
            self.cut,
            self.resizes,
            self.samples,
        )

    def _advance(self, until: float, index: int, count: int) -> int:
        events, arrivals = self._events, self._arrivals
        counts, predictions = self.counts, self._predictions
        while True:
            arrival = arrivals[index] if index < count else float("inf")
            event = events[0][0] if events else float("inf")
            if arrival > until and event > until:
                return index
            if arrival <= event:
                self.now = arrival
                size = predictions[index]
                counts.arrived += 1
                counts.arrived_seconds += size
                counts.arrived_square += size * size
                self.queue.append(index)
                self.queued_seconds += size
                self._match()
                index += 1
                continue
            self.now, kind, which, task = heapq.heappop(events)
            if kind == FINISH:
                self._finish(which, task)
            elif kind == START and self.state[which] == STARTING:
                self._become_ready(which)
            elif kind == KILL and self.state[which] == LEAVING:
                self._kill(which)

    def _match(self) -> None:
        while self.queue and self._free:
            replica = self._free.popleft()
            if self.state[replica] == READY:
                self._begin(replica, self.queue.popleft())

    def _begin(self, replica: int, task: int) -> None:
        self.queued_seconds -= self._predictions[task]
        attempt = self._attempt.get(task, 0)
        if not attempt:
            wait = self.now - self._arrivals[task]
            self._waits[task] = wait
            self.counts.started += 1
            self.counts.late += wait > self.shape.wait_goal_seconds
        self.running += 1
        self.busy[replica] += 1
        self.tasks[replica].add(task)
        heapq.heappush(self._events, (self.now + self._services[task], FINISH, replica, task))

    def _finish(self, replica: int, task: int) -> None:
        if task not in self.tasks[replica]:
            return
        self.tasks[replica].discard(task)
        self.running -= 1
        self.busy[replica] -= 1
        self._done[task] = self.now
        service = self._services[task]
        self.counts.finished += 1
        self.counts.service_seconds += service
        self.counts.service_square += service * service
        if self.state[replica] == READY:
            if self.queue:
                self._begin(replica, self.queue.popleft())
            else:
                self._free.append(replica)
        elif self.state[replica] == LEAVING:
            self.cut += self.now - self._told[replica] > 30.0
            if not self.busy[replica]:
                self._retire(replica)

    def _become_ready(self, replica: int) -> None:
        self.state[replica] = READY
        del self._starting[replica]
        self._ready[replica] = None
        self._free.extend([replica] * self.shape.slots_per_replica)
        self._match()

    def _resize(self, wanted: int) -> None:
        wanted = min(max(wanted, self.shape.minimum), self.shape.maximum)
        change = wanted - self.ordered
        self.resizes += change != 0
        if change > 0:
            self._grow(change)
        elif change < 0:
            self._shrink(-change)

    def _grow(self, count: int, *, at_once: bool = False) -> None:
        for delay in self.rng.uniform(*self.shape.startup_seconds, count):
            replica = len(self.state)
            self.state.append(STARTING)
            self.busy.append(0)
            self.tasks.append(set())
            self.created.append(self.now)
            self._starting[replica] = None
            heapq.heappush(self._events, (self.now + (0.0 if at_once else float(delay)), START, replica, -1))

    def _shrink(self, count: int) -> None:
        young = list(self._starting)[::-1][:count]
        for replica in young:
            del self._starting[replica]
            self._retire(replica)
        if (left := count - len(young)) <= 0:
            return
        ready = list(self._ready)
        self.rng.shuffle(ready)
        if self.leave.idlest_first:
            ready.sort(key=lambda r: self.busy[r])
        for replica in ready[:left]:
            del self._ready[replica]
            self.state[replica] = LEAVING
            self._told[replica] = self.now
            if not self.busy[replica]:
                self._retire(replica)
            elif self.leave.kill_after_seconds is not None:
                heapq.heappush(self._events, (self.now + self.leave.kill_after_seconds, KILL, replica, -1))

    def _kill(self, replica: int) -> None:
        lost = sorted(self.tasks[replica], reverse=True)
        self.killed += len(lost)
        for task in lost:
            self._attempt[task] = self._attempt.get(task, 0) + 1
            self.queue.appendleft(task)
            self.queued_seconds += self._predictions[task]
        self.running -= len(lost)
        self.busy[replica] = 0
        self.tasks[replica].clear()
        self._retire(replica)
        self._match()

    def _retire(self, replica: int) -> None:
        self.state[replica] = GONE
        self.paid += self.now - self.created[replica]

    def _sample(self) -> None:
        samples = self.samples
        samples.times.append(self.now)
        samples.ordered.append(self.ordered)
        samples.ready.append(self.ready)
        samples.running.append(self.running)
        samples.queued.append(len(self.queue))
