"""What does a worker do in its turn? Workers with a broker and a backlog each; one at a time is let go, for a second.

What else happens on the machine changes slower than turns do, so it meets all contestants alike: what counts is the
comparison within a round, and processor time beside the clock. Who is not on turn stands still (SIGSTOP), its clocks too.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
import redis

from benchmarks import stage, working
from fleet import settings
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.store import keys
from fleet.telemetry import tracing

TURN_SECONDS = 1.0
HISTORY = f"{keys.prefix('main')}history"
WARM = 400
"""Tasks before it counts: functions are loaded, processes forked, the interpreter specialised."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What happened in one turn: tasks, seconds on the clock, seconds of processor time of worker and broker."""

    tasks: int
    seconds: float
    worker: float
    broker: float

    @property
    def rate(self) -> float:
        return self.tasks / self.seconds


@dataclass(frozen=True, slots=True)
class Contestant:
    """A worker that stands still between its turns, and its broker."""

    main: psutil.Process
    broker: redis.Redis

    def children(self) -> list[psutil.Process]:
        """Return the processes of its pool now; a worker replaces one that has run many tasks."""
        return self.main.children()

    def ended(self) -> int:
        return int(self.broker.xlen(HISTORY))  # type: ignore[arg-type]

    def spent(self) -> tuple[float, float]:
        """Return seconds of processor time so far: worker, broker."""
        used = self.broker.info("cpu")
        worker = sum(self.main.cpu_times()[:4]) + sum(sum(one.cpu_times()[:2]) for one in self.children())
        return worker, float(used["used_cpu_user"]) + float(used["used_cpu_sys"])  # type: ignore[index]

    def signal(self, number: int) -> None:
        """Tell all of it: to stop, the parent first, so that nobody is born or dies meanwhile."""
        for one in (self.main, *self.children()):
            with suppress(psutil.NoSuchProcess):
                one.send_signal(number)

    def turn(self, seconds: float) -> Turn:
        tasks, (worker, broker), began = self.ended(), self.spent(), time.perf_counter()
        self.signal(signal.SIGCONT)
        time.sleep(seconds)
        self.signal(signal.SIGSTOP)
        took = time.perf_counter() - began
        worker_after, broker_after = self.spent()
        return Turn(self.ended() - tasks, took, worker_after - worker, broker_after - broker)


@contextmanager
def contestant(tasks: int, environment: Mapping[str, str]) -> Iterator[Contestant]:
    """A worker with two processes and a backlog of no-op tasks, warm and standing still."""
    with stage.broker():
        os.environ.update(environment)
        settings.load.cache_clear()
        for _ in submit_many(TaskRequest("noop", {"n": n}) for n in range(tasks)):
            pass
        tracing.stop()
        client = redis.Redis.from_url(os.environ["FLEET_BROKER__URL"])
        with stage.worker("fleet.app", "fleet.bench") as worker:
            while working.ended() < WARM:
                time.sleep(0.02)
            found = Contestant(psutil.Process(worker.pid), client)
            found.signal(signal.SIGSTOP)
            try:
                yield found
            finally:
                found.signal(signal.SIGCONT)
