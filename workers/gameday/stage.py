"""What does a fault have at hand: who is at work, how to strike, and where strikes are written down?"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from fleet.dispatcher.tasks import OVER
from fleet.errors import FleetError, StoreUnavailable
from fleet.supervisor.child import Child
from workers.gameday.ground import Ground, successor
from workers.gameday.score import Note, Strike, in_flight, parse

PATIENCE_SECONDS, MOST_TRIES = 120.0, 50


class NotHere(Exception):
    """A fault cannot be injected on this machine; the text says what is missing."""


class Stage:
    """One experiment on one ground."""

    def __init__(self, ground: Ground, log: Path) -> None:
        self.ground, self.log = ground, log
        self.strikes: list[Strike] = []
        self.seen: list[str] = []
        """What the score shows beside its figures."""
        self.wrong: list[str] = []
        """What broke the hypothesis and no log tells."""
        self.states: dict[str, str] = {}

    def accept(self, ids: Sequence[str]) -> None:
        """Have these tasks scored, too."""
        self.states |= dict.fromkeys(ids, "unknown")

    def is_drained(self) -> bool:
        """Look after the tasks that have not ended yet; a store that is away is asked again later."""
        waiting = [task_id for task_id, state in self.states.items() if state not in OVER]
        try:
            self.states |= self.ground.states(waiting)
        except StoreUnavailable:
            return False
        return all(state in OVER for state in self.states.values())

    def notes(self) -> list[Note]:
        return parse(self.log.read_text().splitlines())

    def at_work(self) -> list[Child]:
        """The workers that run something, the busiest first: a fault that hits nobody proves nothing."""
        running = Counter(start.worker for start in in_flight(self.notes()).values())
        busy = [child for child in self.ground.workers.values() if child.is_up and running[pid(child)]]
        return sorted(busy, key=lambda child: -running[pid(child)])

    def busiest(self) -> Child:
        return (self.at_work() or list(self.ground.workers.values()))[0]

    def strike(self, pid: int = 0) -> None:
        """Write down a blow, just before it falls; 0: at everybody."""
        self.strikes.append(Strike(time.monotonic(), pid))

    def kill(self, child: Child) -> None:
        """SIGKILL a worker and its processes at once, as the out-of-memory killer or a lost node does.

        It is held for an instant to see that it is at work: tasks may be shorter than it takes to strike.
        """
        worker = pid(child)
        for _ in range(MOST_TRIES):
            began = time.monotonic()
            signal_tree(child, signal.SIGSTOP)
            if self.is_drained() or any(start.worker == worker for start in in_flight(self.notes()).values()):
                break
            signal_tree(child, signal.SIGCONT)
            time.sleep(0.01)
        signal_tree(child, signal.SIGKILL)
        self.strikes.append(Strike(began, worker, time.monotonic()))

    def replace(self, child: Child, environment: Mapping[str, str] | None = None) -> Child:
        """Put a fresh process in a worker's place; the old one has ended, or is told to and waited for."""
        if child.is_up:
            child.stop()
            child.finish(time.monotonic() + child.program.grace_seconds)
        fresh = successor(child, self.log.parent / "logs", environment)
        self.ground.workers[child.program.name] = fresh
        return fresh

    def behind(self, environment: Mapping[str, str]) -> Child:
        """Start one of the workers anew with this environment, and wait until everybody is ready."""
        child = self.replace(next(iter(self.ground.workers.values())), environment)
        self.until(self.ground.is_ready, "the worker was not ready")
        return child

    def restore(self, child: Child, *names: str) -> None:
        """Start the worker anew without these variables."""
        kept = {name: value for name, value in child.program.environment.items() if name not in names}
        child.program = replace(child.program, environment=kept)
        self.replace(child)

    def tending(self, seconds: float) -> None:
        """Let time pass while the supervisor works."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.ground.tend()
            except FleetError:
                pass  # it needs the store, which may be what is broken
            time.sleep(0.1)

    def until(self, condition: Callable[[], bool], else_say: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait, with the supervisor at work."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{else_say} within {seconds:g} s")
            self.tending(0.2)


def pid(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def signal_tree(child: Child, number: signal.Signals) -> None:
    """Send a signal to a process and everything below it."""
    process = psutil.Process(pid(child))
    for member in (process, *process.children(recursive=True)):
        try:
            os.kill(member.pid, number)
        except ProcessLookupError:
            continue
