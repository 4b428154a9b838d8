"""What does one idle worker cost: memory, and time until it runs its first task?

Both kinds with two processes on the same broker, in turn. Memory is the proportional share (PSS) of the whole process tree
after its first task; start is also counted in CPU seconds, which a busy machine does not stretch as much.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

import psutil

from benchmarks import stage
from fleet.dispatcher.submit import submit

ROUNDS = 3
KINDS = (("plain Celery", "benchmarks.plain", "plain"), ("fleet", "fleet.app", "fleet.bench"))


@dataclass(frozen=True, slots=True)
class Idle:
    """Seconds until the first task was done, CPU seconds until then, and the tree's memory in bytes."""

    start: float
    start_cpu: float
    memory: int


def measure(rounds: int = ROUNDS) -> dict[str, list[Idle]]:
    """Return the figures of each round, by kind."""
    found: dict[str, list[Idle]] = {name: [] for name, *_ in KINDS}
    for _ in range(rounds):
        for name, app, queue in KINDS:
            stage.empty()
            began = time.perf_counter()
            with stage.worker(app, queue) as process:
                first(name)
                took = time.perf_counter() - began
                tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                cpu = sum(sum(one.cpu_times()[:2]) for one in tree)
                found[name].append(Idle(took, cpu, sum(one.memory_full_info().pss for one in tree)))
    return found


def first(kind: str) -> None:
    """Have one task done."""
    from benchmarks.plain import noop

    if kind == "fleet":
        submit("noop", {}).get(60)
    else:
        noop.apply_async().get(timeout=60)


def ratio(found: dict[str, list[Idle]], name: str) -> float:
    """Return how many times plain Celery's figure the fleet's is, the median over rounds."""
    pairs = zip(found["fleet"], found["plain Celery"], strict=True)
    return float(median(getattr(ours, name) / getattr(theirs, name) for ours, theirs in pairs))


if __name__ == "__main__":
    with stage.broker():
        idle = measure()
    for kind, rows in idle.items():
        start, cpu, memory = (median(getattr(row, name) for row in rows) for name in ("start", "start_cpu", "memory"))
        print(f"{kind:14} start {start:.2f} s, CPU {cpu:.2f} s, memory {memory / 1e6:.0f} MB")
    print({name: round(ratio(idle, name), 2) for name in ("start", "start_cpu", "memory")})
