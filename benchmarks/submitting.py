"""How many tasks a second does one producer submit, and what does it cost?

Rounds are interleaved: every case runs once in each, and is compared with plain Celery in the same round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

from benchmarks import stage
from benchmarks.clock import Spent, spent
from fleet.dispatcher.submit import TaskRequest, submit, submit_many
from fleet.registry import roster
from fleet.store.client import connect

ROUNDS, ONE_BY_ONE, BULK = 9, 500, 5000
PLAIN, BATCH = "plain apply_async", "kombu batch"


def measure(rounds: int = ROUNDS) -> dict[str, list[Spent]]:
    """Return what one task cost in each round, by case."""
    costs: dict[str, list[Spent]] = {}
    for _ in range(rounds):
        for name, count, run in cases():
            stage.empty()
            if "released" in name:
                roster.register("bench", "bench", 1_000_000, {})
            run(1)
            took = spent(connect(), lambda run=run, count=count: run(count))  # type: ignore[misc]
            costs.setdefault(name, []).append(Spent(took.wall / count, took.client / count, took.server / count))
    return costs


def rate(rows: list[Spent]) -> float:
    """Return tasks a second, the median of the rounds."""
    return 1 / median(row.wall for row in rows)


def times(rows: list[Spent], beside: list[Spent], *, cpu: bool = False) -> float:
    """Return how many times as cheap as the other a task is: the median of the rounds' ratios."""
    pairs = zip(rows, beside, strict=True)
    return median((other.cpu / row.cpu) if cpu else (other.wall / row.wall) for row, other in pairs)


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

    yield PLAIN, ONE_BY_ONE, plain
    yield BATCH, BULK, batch
    yield "submit, released", ONE_BY_ONE, one_by_one
    yield "submit, held", ONE_BY_ONE, one_by_one
    yield "submit_many, released", BULK, bulk
    yield "submit_many, held", BULK, bulk


if __name__ == "__main__":
    with stage.broker():
        found = measure()
    for name, rows in found.items():
        print(
            f"{name:24} {rate(rows):8.0f}/s {times(rows, found[PLAIN]):6.2f} x plain (CPU {times(rows, found[PLAIN], cpu=True):6.2f} x)  "
            f"{times(rows, found[BATCH]):5.2f} x batch (CPU {times(rows, found[BATCH], cpu=True):5.2f} x)  "
            f"us: client {1e6 * median(r.client for r in rows):5.0f} server {1e6 * median(r.server for r in rows):5.0f}"
        )
