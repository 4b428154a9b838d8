"""How many tasks a second does one producer submit?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from benchmarks import stage
from fleet.dispatcher.submit import TaskRequest, submit, submit_many
from fleet.registry import roster

ROUNDS, ONE_BY_ONE, BULK = 5, 600, 5000


def measure() -> dict[str, float]:
    """Return rates (tasks a second), each the best of interleaved rounds."""
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, count, run in cases():
            stage.empty()
            if "released" in name:
                roster.register("bench", "bench", 1_000_000, {})
            started = time.perf_counter()
            run(count)
            best[name] = max(best.get(name, 0.0), count / (time.perf_counter() - started))
    return best


def cases() -> Iterator[tuple[str, int, Callable[[int], None]]]:
    from benchmarks.plain import app, noop

    def plain(count: int) -> None:
        for n in range(count):
            noop.apply_async(kwargs={"n": n})

    def batch(count: int) -> None:
        with app.producer_pool.acquire(block=True) as producer, producer.batch(max_size=500):
            for n in range(count):
                noop.apply_async(kwargs={"n": n}, producer=producer, retry=False, ignore_result=True)

    def one_by_one(count: int) -> None:
        for n in range(count):
            submit("noop", {"n": n})

    def bulk(count: int) -> None:
        for _ in submit_many(TaskRequest("noop", {"n": n}) for n in range(count)):
            pass

    yield "plain apply_async", ONE_BY_ONE, plain
    yield "kombu batch", BULK, batch
    yield "submit, released", ONE_BY_ONE, one_by_one
    yield "submit, held", ONE_BY_ONE, one_by_one
    yield "submit_many, released", BULK, bulk
    yield "submit_many, held", BULK, bulk


if __name__ == "__main__":
    with stage.broker():
        for name, rate in measure().items():
            print(f"{name:26} {rate:10.0f}/s")
