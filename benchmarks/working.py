"""How many no-op tasks a second does one worker with two processes run, and how soon does a task start?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks import stage
from fleet.dispatcher.submit import TaskRequest, submit, submit_many
from fleet.store import keys
from fleet.store.client import connect

TASKS, PACED, RATE = 3000, 400, 50.0


def throughput() -> dict[str, float]:
    """Return tasks a second of plain Celery and of the fleet, each with a backlog to work off."""
    from benchmarks.plain import noop

    def plain() -> None:
        for n in range(TASKS):
            noop.apply_async(kwargs={"n": n}, ignore_result=False)

    def fleet() -> None:
        for _ in submit_many(TaskRequest("noop", {"n": n}) for n in range(TASKS)):
            pass

    return {
        "plain Celery": drained("benchmarks.plain", "plain", plain),
        "fleet": drained("fleet.app", "fleet.bench", fleet),
    }


def drained(app: str, queue: str, produce: Callable[[], None]) -> float:
    stage.empty()
    produce()
    with stage.worker(app, queue):
        before, started = 0, 0.0
        while (count := ended()) < TASKS:
            if not before and count > TASKS // 10:
                before, started = count, time.perf_counter()
            time.sleep(0.1)
        return (count - before) / (time.perf_counter() - started)


def ended() -> int:
    """Results in the store: each task of either kind writes one, and nothing else grows here."""
    client = connect()
    return int(client.xlen(f"{keys.prefix('main')}history")) or int(client.info("keyspace")["db0"]["expires"])


def latency() -> dict[str, tuple[float, float]]:
    """Return (p50, p99) milliseconds from enqueue to start at a steady 50 tasks a second on idle workers."""
    from benchmarks.plain import noop

    def plain() -> Sequence[float]:
        results = [noop.apply_async(kwargs={"at": time.time()}) for _ in paced()]
        return [row["started"] - row["at"] for row in (result.get(timeout=30) for result in results)]

    def fleet() -> Sequence[float]:
        handles = [submit("noop", {"at": time.time()}) for _ in paced()]
        return [row["started"] - row["at"] for row in (handle.get(30) for handle in handles)]

    answers: dict[str, tuple[float, float]] = {}
    for name, app, queue, run in (("plain Celery", "benchmarks.plain", "plain", plain), ("fleet", "fleet.app", "fleet.bench", fleet)):
        stage.empty()
        with stage.worker(app, queue):
            run()
            waits = np.array(run()) * 1000
            answers[name] = (float(np.percentile(waits, 50)), float(np.percentile(waits, 99)))
    return answers


def paced() -> Iterator[int]:
    """Yield at the rate, however long the loop's body takes."""
    start = time.monotonic()
    for n in range(PACED):
        time.sleep(max(0.0, start + n / RATE - time.monotonic()))
        yield n


if __name__ == "__main__":
    with stage.broker():
        for name, rate in throughput().items():
            print(f"{name:26} {rate:10.0f}/s")
        for name, (p50, p99) in latency().items():
            print(f"{name:26} p50 {p50:.1f} ms  p99 {p99:.1f} ms")
