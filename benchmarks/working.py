"""How many no-op tasks a second does one worker with two processes run, and how soon does a task start?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np
import psutil

from benchmarks import stage
from benchmarks.clock import Spent, server_seconds
from fleet.dispatcher.submit import TaskRequest, submit, submit_many
from fleet.store import keys
from fleet.store.client import connect

ROUNDS, TASKS, PACED, WARM, RATE = 3, 2000, 300, 50, 50.0
KINDS = (("plain Celery", "benchmarks.plain", "plain"), ("fleet", "fleet.app", "fleet.bench"))


def throughput(rounds: int = ROUNDS) -> dict[str, list[Spent]]:
    """Return what one no-op task of a backlog costs in each round: seconds, CPU of the worker's processes and the server."""
    found: dict[str, list[Spent]] = {name: [] for name, *_ in KINDS}
    for _ in range(rounds):
        for name, app, queue in KINDS:
            found[name].append(drained(name, app, queue))
    return found


def produce(kind: str) -> None:
    from benchmarks.plain import noop

    if kind == "fleet":
        for _ in submit_many(TaskRequest("noop", {"n": n}) for n in range(TASKS)):
            pass
    else:
        for n in range(TASKS):
            noop.apply_async(kwargs={"n": n}, ignore_result=False)


def drained(kind: str, app: str, queue: str) -> Spent:
    """Measure between a tenth and nineteen twentieths of the backlog, when the worker is warm and still busy."""
    stage.empty()
    produce(kind)
    client = connect()
    with stage.worker(app, queue) as process:
        stage.until(lambda: ended() >= TASKS // 10)
        before = ended()
        server, workers, wall = server_seconds(client), tree_seconds(process.pid), time.perf_counter()
        stage.until(lambda: ended() >= TASKS * 19 // 20)
        done = ended() - before
        took = time.perf_counter() - wall, tree_seconds(process.pid) - workers, server_seconds(client) - server
        return Spent(*(seconds / done for seconds in took))


def tree_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and its children."""
    root = psutil.Process(pid)
    return float(sum(sum(one.cpu_times()[:2]) for one in (root, *root.children(recursive=True))))


def ended() -> int:
    """Results in the store: each task of either kind writes one, and nothing else grows here."""
    client = connect()
    return int(client.xlen(f"{keys.prefix('main')}history")) or int(client.info("keyspace")["db0"]["expires"])


def latency(rounds: int = ROUNDS) -> dict[str, dict[int, float]]:
    """Return percentiles of milliseconds from enqueue to start at a steady 50 tasks a second on idle workers, over all rounds."""
    waits: dict[str, list[float]] = {name: [] for name, *_ in KINDS}
    for _ in range(rounds):
        for name, app, queue in KINDS:
            stage.empty()
            with stage.worker(app, queue):
                started(name, WARM)
                waits[name] += started(name)
    return {name: {percent: float(np.percentile(found, percent)) for percent in (50, 99)} for name, found in waits.items()}


def started(kind: str, tasks: int = PACED) -> list[float]:
    """Enqueue at the pace; milliseconds until each task began."""
    from benchmarks.plain import noop

    sent: list[Any] = []
    for _ in paced(tasks):
        now = time.time()
        sent.append(submit("noop", {"at": now}) if kind == "fleet" else noop.apply_async(kwargs={"at": now}))
    rows = [one.get(timeout=60) for one in sent]
    return [1000 * (row["started"] - row["at"]) for row in rows]


def paced(tasks: int) -> Iterator[int]:
    """Yield at the rate, however long the loop's body takes."""
    start = time.monotonic()
    for n in range(tasks):
        time.sleep(max(0.0, start + n / RATE - time.monotonic()))
        yield n


if __name__ == "__main__":
    with stage.broker():
        for name, rows in throughput().items():
            took = [median(getattr(row, part) for row in rows) for part in ("wall", "client", "server")]
            print(f"{name:14} {1 / took[0]:8.0f}/s, us of CPU per task: worker {1e6 * took[1]:.0f}, server {1e6 * took[2]:.0f}")
        for name, found in latency().items():
            print(f"{name:14} " + ", ".join(f"p{percent} {value:.1f} ms" for percent, value in found.items()))
