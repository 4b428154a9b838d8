"""Do producers whose clocks are hours apart change the order of tasks, when delayed ones start, or when deadlines pass?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import redis
from rig import Rig

from workers.gameday.clocks import library

PRODUCER = """
import json, sys, time
from fleet import submit
from fleet.app import app
for line in sys.stdin:
    how, options = json.loads(line)
    if how == "celery":
        answer = app.send_task("job", kwargs={}, **options).id
    else:
        answer = submit("job", {}, **options).id
    print(json.dumps([answer, time.time()]), flush=True)
"""


class Producer:
    """A process of its own that submits when told to, by its own clock."""

    def __init__(self, skew: str) -> None:
        fake = {"LD_PRELOAD": library(), "FAKETIME": skew, "FAKETIME_DONT_FAKE_MONOTONIC": "1"} if skew else {}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRODUCER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **fake}
        )

    def submit(self, how: str = "fleet", **options: object) -> tuple[str, float]:
        """Return the task's id and what the producer's clock says."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([how, options]), file=self.process.stdin, flush=True)
        task_id, now = json.loads(self.process.stdout.readline())
        return task_id, now


@contextmanager
def producing(skew: str) -> Iterator[Producer]:
    producer = Producer(skew)
    try:
        yield producer
    finally:
        producer.process.communicate(timeout=20)


@pytest.fixture
def producers() -> Iterator[list[Producer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(producing(skew)) for skew in ("+3h", "", "-3h")]


@pytest.fixture
def rig(declared: Callable[..., Rig]) -> Rig:
    return declared()


def server_seconds(store: redis.Redis) -> float:
    seconds, micros = store.time()  # type: ignore[misc]
    return seconds + micros / 1e6


def test_tasks_stand_in_the_order_they_came_in(rig: Rig, store: redis.Redis, producers: list[Producer]) -> None:
    sent, clocks = [], set()
    for turn in range(12):
        task_id, now = producers[turn % 3].submit(tenant=f"t{turn % 2}")
        sent.append(task_id)
        clocks.add(round((now - server_seconds(store)) / 3600))
    assert clocks == {-3, 0, 3}, "the clocks are really apart"
    assert store.zrange(rig.key("held:job"), 0, -1) == sent
    rig.worker("w", "a")
    taken = []
    for _ in sent:
        message = rig.start("a", "w")
        taken.append(message.task_id)
        rig.end(message)
    assert taken == sent


@pytest.mark.parametrize("how", ["fleet", "celery"])
def test_delays_and_deadlines_count_from_now_whatever_now_is_called(
    rig: Rig, store: redis.Redis, producers: list[Producer], how: str
) -> None:
    delay, deadline = ({"countdown": 60}, {"expires": 60}) if how == "celery" else ({"delay_seconds": 60}, {"deadline_seconds": 60})
    for producer in producers:
        before = server_seconds(store)
        delayed, ending = producer.submit(how, **delay)[0], producer.submit(how, **deadline)[0]
        after = server_seconds(store)
        for name, task_id in (("delayed", delayed), ("deadlines", ending)):
            due = store.zscore(rig.key(name), task_id)
            assert before + 55 <= float(due) <= after + 61, (name, due)  # type: ignore[arg-type]
