"""What can be broken, and who is asked what became of the tasks?

Two grounds have the same shape, so that the same faults and the same score apply: the fleet, and plain Celery. Both run
three workers of two processes each on a broker of their own, under the same supervision.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from fleet.supervisor import valkey
from fleet.supervisor.child import Child

WORKERS, SLOTS = 3, 2


class Ground(Protocol):
    """A supervised set of workers on a broker."""

    name: str
    folder: Path

    @property
    def broker(self) -> valkey.Broker: ...

    @property
    def workers(self) -> dict[str, Child]:
        """The workers that run tasks, by name; what is put in its place is supervised instead."""
        ...

    @property
    def beats(self) -> list[Child]:
        """Its schedulers; empty where the comparison says nothing about them."""
        ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def tend(self) -> None:
        """Start again what ended."""
        ...

    def is_ready(self) -> bool:
        """Whether every worker takes tasks."""
        ...

    def start_broker(self, environment: Mapping[str, str] | None = None) -> None:
        """Start the broker again on the same data and port, after it was stopped or killed."""
        ...

    def through(self, port: int, *, store_too: bool = True) -> dict[str, str]:
        """Return the environment of a worker that reaches its broker (and the fleet's state) by this port."""
        ...

    def submit(self, seconds: float, log: str, count: int) -> list[str]:
        """Bring in so many tasks; returns their ids. Raises what a producer is told when it cannot be."""
        ...

    def states(self, ids: Sequence[str]) -> dict[str, str]:
        """Return each task's state; `done` and other final words as in fleet.dispatcher.tasks.OVER."""
        ...

    def accepted(self, ids: Sequence[str], ends: Mapping[str, int]) -> dict[str, int]:
        """Return how many results were accepted per task; `ends` is how often each came to its end."""
        ...


def successor(child: Child, folder: Path, environment: Mapping[str, str] | None = None) -> Child:
    """Start a worker in the place of another, without its history of restarts."""
    program = child.program
    if environment is not None:
        program = replace(program, environment={**program.environment, **environment})
    fresh = Child(program, folder)
    fresh.start()
    return fresh


def restart(broker: valkey.Broker, folder: Path, environment: Mapping[str, str] | None) -> valkey.Broker:
    """Start a broker that has ended, again where it was."""
    before = dict(os.environ)
    os.environ.update(environment or {})
    try:
        return valkey.start(folder, broker.port)
    finally:
        os.environ.clear()
        os.environ.update(before)
