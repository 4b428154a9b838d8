"""What happens when dispatch and scaling act together?

Several pools whose replicas come and go while a dispatcher places tasks: the production deciders of both, end to end.
A replica counts its slots from the moment it is ready until it is told to leave; it is paid for until its last task
ends.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from fleet.simulation.engine import Dispatcher, Releases
from fleet.simulation.fleets import Floats, Integers
from fleet.simulation.workload import MAX_ATTEMPTS, Workload

ENDED, READY = 0, 1


class ElasticDispatcher(Dispatcher, Protocol):
    """A dispatcher that is told when pools change size."""

    def resize(self, now: float, pool: int, slots: int) -> Releases: ...


@dataclass(slots=True)
class Replica:
    """One replica of a pool."""

    pool: int
    created: float
    ready: bool = False
    leaving: bool = False
    busy: int = 0


@dataclass(slots=True)
class PoolBook:
    """What has been counted of a pool since the run began; the same sums the dispatcher keeps in the store."""

    started: int = 0
    seconds: float = 0.0
    squares: float = 0.0
    late: int = 0
    waited: float = 0.0
    service: float = 0.0
    square: float = 0.0
    served: int = 0
    running: int = 0
    queue: deque[int] = field(default_factory=deque)
    replicas: list[Replica] = field(default_factory=list)

    @property
    def ready(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.ready and not replica.leaving]

    @property
    def ordered(self) -> int:
        return sum(not replica.leaving for replica in self.replicas)


class FleetController(Protocol):
    """Sizes every pool at once."""

    period_seconds: float

    def desired(self, now: float, fleet: ElasticFleet) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class FleetOutcome:
    """What the day was like and what it cost."""

    wait: Floats
    response: Floats
    succeeded: Integers
    replica_seconds: Floats
    """By pool."""
    dollars: float
    killed: int


class ElasticFleet:
    """A workload, its dispatcher and pools that change size."""

    def __init__(
        self,
        workload: Workload,
        dispatcher: ElasticDispatcher,
        slots_per_replica: int = 4,
        startup_seconds: tuple[float, float] = (30.0, 60.0),
        wait_goal_seconds: float = 30.0,
        seed: int = 0,
    ) -> None:
        self.workload, self.dispatcher, self.slots_per_replica = workload, dispatcher, slots_per_replica
        self.goal, self._startup = wait_goal_seconds, startup_seconds
        self.books = [PoolBook() for _ in workload.fleet.pools]
        self.held = np.zeros(len(workload.fleet.types), dtype=np.int64)
        self.paid = np.zeros(len(self.books))
        self._rng = np.random.default_rng(seed)
        self._events: list[tuple[float, int, int, int, Replica, float, bool]] = []
        self._serial = 0
        self._kind, self._size = workload.kind.tolist(), workload.size.tolist()
        self._seconds, self._success = workload.fleet.seconds.tolist(), workload.fleet.success.tolist()
        self._arrival = workload.arrival.tolist()
        count = len(workload)
        self._first, self._end = [-1.0] * count, [0.0] * count
        self._attempts, self._ok = [0] * count, [0] * count

    def run(self, controller: FleetController, minimum: int = 1, maximum: int = 200) -> FleetOutcome:
        """Play the workload to its last task; replicas leave by draining, so none is ever killed."""
        for pool in range(len(self.books)):
            self._grow(0.0, pool, minimum, at_once=True)
        at, count, open_tasks, tick = 0, len(self._arrival), len(self._arrival), controller.period_seconds
        now, next_tick = 0.0, tick
        while open_tasks:
            next_event = self._events[0][0] if self._events else np.inf
            next_arrival = self._arrival[at] if at < count else np.inf
            if next_tick < next_event and next_tick < next_arrival:
                now = next_tick
                next_tick += tick
                self._apply(now, self.dispatcher.tick(now))
                for pool, wanted in enumerate(controller.desired(now, self)):
                    self._resize(now, pool, min(max(wanted, minimum), maximum))
            elif next_arrival <= next_event:
                now, at = next_arrival, at + 1
                self.held[self._kind[at - 1]] += 1
                self._apply(now, self.dispatcher.arrive(now, at - 1))
            else:
                now, kind, pool, task, replica, began, ok = heapq.heappop(self._events)
                if kind == READY:
                    self._become_ready(now, replica)
                else:
                    open_tasks -= self._finish(now, pool, task, replica, began, ok)
        for pool, book in enumerate(self.books):
            self.paid[pool] += sum(now - replica.created for replica in book.replicas)
        prices = [spec.price_per_slot_hour * self.slots_per_replica for spec in self.workload.fleet.pools]
        return FleetOutcome(
            wait=np.asarray(self._first) - self.workload.arrival,
            response=np.asarray(self._end) - self.workload.arrival,
            succeeded=np.asarray(self._ok),
            replica_seconds=self.paid,
            dollars=float(np.dot(self.paid / 3600.0, prices)),
            killed=0,
        )

    def slots(self, pool: int) -> int:
        """Return the slots of the pool's ready replicas."""
        return len(self.books[pool].ready) * self.slots_per_replica

    def _apply(self, now: float, releases: Releases) -> None:
        for index in range(0, len(releases), 2):
            task, pool = releases[index], releases[index + 1]
            self.held[self._kind[task]] -= 1
            book = self.books[pool]
            book.started += 1
            size = self._size[task]
            book.seconds += size
            book.squares += size * size
            book.queue.append(task)
            self._pull(now, pool)

    def _pull(self, now: float, pool: int) -> None:
        book = self.books[pool]
        while book.queue:
            free = [replica for replica in book.replicas if self._takes(replica)]
            if not free:
                return
            self._start(now, pool, book.queue.popleft(), min(free, key=lambda replica: replica.busy))

    def _takes(self, replica: Replica) -> bool:
        return replica.ready and not replica.leaving and replica.busy < self.slots_per_replica

    def _start(self, now: float, pool: int, task: int, replica: Replica) -> None:
        book, kind = self.books[pool], self._kind[task]
        replica.busy += 1
        book.running += 1
        if self._first[task] < 0:
            self._first[task] = now
            waited = now - self._arrival[task]
            book.waited += waited
            book.late += waited > self.goal
        ok = bool(self.workload.luck[task, self._attempts[task]] < self._success[kind][pool])
        self._attempts[task] += 1
        until = now + self._size[task] * self._seconds[kind][pool]
        self._push(until, ENDED, pool, task, replica, now, ok)

    def _finish(self, now: float, pool: int, task: int, replica: Replica, began: float, ok: bool) -> int:
        """Book the end of an attempt; return 1 when the task is over."""
        book, service = self.books[pool], now - began
        replica.busy -= 1
        book.running -= 1
        book.served += 1
        weight = max(0.02, 1.0 / book.served)
        book.service += weight * (service - book.service)
        book.square += weight * (service * service - book.square)
        if replica.leaving and not replica.busy:
            self._retire(now, replica)
        again = not ok and self._attempts[task] < MAX_ATTEMPTS
        if again:
            self.held[self._kind[task]] += 1
        else:
            self._end[task], self._ok[task] = now, int(ok)
        self._pull(now, pool)
        self._apply(now, self.dispatcher.finish(now, task, pool, service, ok, again))
        return int(not again)

    def _become_ready(self, now: float, replica: Replica) -> None:
        if replica.leaving:
            return
        replica.ready = True
        self._pull(now, replica.pool)
        self._apply(now, self.dispatcher.resize(now, replica.pool, self.slots(replica.pool)))

    def _resize(self, now: float, pool: int, wanted: int) -> None:
        change = wanted - self.books[pool].ordered
        if change > 0:
            self._grow(now, pool, change)
        elif change < 0:
            self._shrink(now, pool, -change)

    def _grow(self, now: float, pool: int, count: int, *, at_once: bool = False) -> None:
        for delay in self._rng.uniform(*self._startup, count):
            replica = Replica(pool, now)
            self.books[pool].replicas.append(replica)
            self._push(now if at_once else now + float(delay), READY, pool, -1, replica, now, True)

    def _shrink(self, now: float, pool: int, count: int) -> None:
        staying = [replica for replica in self.books[pool].replicas if not replica.leaving]
        for replica in sorted(staying, key=lambda replica: (replica.ready, replica.busy))[:count]:
            replica.leaving = True
            if not replica.busy:
                self._retire(now, replica)
        self._apply(now, self.dispatcher.resize(now, pool, self.slots(pool)))

    def _retire(self, now: float, replica: Replica) -> None:
        self.paid[replica.pool] += now - replica.created
        self.books[replica.pool].replicas.remove(replica)

    def _push(self, at: float, kind: int, pool: int, task: int, replica: Replica, began: float, ok: bool) -> None:
        # Pool and task decide ties, so replicas are never compared.
        self._serial += 1
        heapq.heappush(self._events, (at, kind, pool, task if task >= 0 else -self._serial, replica, began, ok))
