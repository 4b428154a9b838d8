"""Two hundred producers and workers at once: is a slot ever taken twice, a task lost or doubled?"""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from rig import Rig

from fleet.dispatcher.claim import claim
from fleet.dispatcher.submit import TaskRequest, submit, submit_many

POOLS = {"a": 3, "b": 2, "c": 1}
TASKS = 200


@pytest.mark.parametrize("strategy", ["late_binding", "least_connections"])
def test_two_hundred_threads(declared: Callable[..., Rig], strategy: str) -> None:
    rig = declared(pools={pool: {} for pool in POOLS}, task_types={"job": {"strategy": strategy}})
    for pool, slots in POOLS.items():
        rig.worker(f"w{pool}", pool, slots)
    running: Counter[str] = Counter()
    finished: Counter[str] = Counter()
    lock, all_done = threading.Lock(), threading.Event()
    breaches: list[str] = []

    def produce(_: int) -> list[str]:
        return [submit("job", {}).id for _ in range(TASKS // 50)]

    def work(index: int) -> None:
        pool = list(POOLS)[index % len(POOLS)]
        while not all_done.is_set():
            message = rig.take(pool, wait_seconds=2)
            if message is None or not claim(message.task_id, message.attempt, f"w{pool}").granted:
                continue
            with lock:
                running[pool] += 1
                if running[pool] > POOLS[pool]:
                    breaches.append(f"{running[pool]} at once on {pool}")
            with lock:
                running[pool] -= 1
            if rig.end(message) == "done":
                with lock:
                    finished[message.task_id] += 1
                    if len(finished) == TASKS:
                        all_done.set()

    with ThreadPoolExecutor(200) as threads:
        workers = [threads.submit(work, n) for n in range(150)]
        try:
            ids = {task for batch in threads.map(produce, range(50)) for task in batch}
            assert all_done.wait(30), f"{len(finished)} of {TASKS} finished"
        finally:
            all_done.set()
        for future in workers:
            future.result()
    assert breaches == []
    assert set(finished) == ids
    assert set(finished.values()) == {1}
    rig.check()


def _produce(count: int) -> None:
    for answer in submit_many(TaskRequest("job", {"n": n}, tenant=f"t{n % 5}", priority=n % 10) for n in range(count)):
        assert not isinstance(answer, Exception)


def test_producers_in_other_processes(declared: Callable[..., Rig]) -> None:
    rig = declared()
    rig.worker("w", "a", 2)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_produce, args=(150,)) for _ in range(3)]
    for child in children:
        child.start()
    count = 0
    while count < 450:
        if rig.store.llen("fleet.a"):
            assert rig.end(rig.start("a", "w")) == "done"
            count += 1
            assert rig.inflight("a") <= 2
    for child in children:
        child.join(10)
        assert child.exitcode == 0
    assert (rig.held(), rig.inflight("a")) == (0, 0)
    rig.check()
