"""Do several beats send every job once, and what becomes of what was missed?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import orjson
import pytest
import redis
from celery.schedules import crontab
from eventually import eventually
from rig import Rig

from fleet.app import app
from fleet.lifecycle.scheduler import FleetScheduler

QUEUE = "fleet.maintenance"


@pytest.fixture
def beats(declared: Callable[..., Rig]) -> Iterator[Callable[..., FleetScheduler]]:
    """Make beats that know these jobs."""
    declared()
    before = app.conf.beat_schedule

    def make(**jobs: Any) -> FleetScheduler:
        app.conf.beat_schedule = {
            name: {"task": "fleet.health", "options": {"queue": QUEUE, "expires": 60.0}} | job for name, job in jobs.items()
        }
        return FleetScheduler(app)

    yield make
    app.conf.beat_schedule = before


def sent(store: redis.Redis) -> list[dict[str, Any]]:
    return [orjson.loads(text)["headers"] for text in store.lrange(QUEUE, 0, -1)]  # type: ignore[union-attr]


def missed(store: redis.Redis, job: str, seconds: float) -> None:
    store.hincrbyfloat("fleet:{main}:schedule", job, -seconds)


def test_ten_beats_at_once_send_every_job_once_a_period(beats: Callable[..., FleetScheduler], store: redis.Redis) -> None:
    everyone = [beats(quick={"schedule": 0.2}) for _ in range(10)]
    moments: set[str] = set()
    stop = threading.Event()

    def run(beat: FleetScheduler) -> None:
        while not stop.is_set():
            beat.tick()
            moments.add(str(store.hget("fleet:{main}:schedule", "quick")))

    threads = [threading.Thread(target=run, args=(beat,)) for beat in everyone]
    for thread in threads:
        thread.start()
    eventually(lambda: store.llen(QUEUE) >= 10, timeout=30)  # type: ignore[operator]
    stop.set()
    for thread in threads:
        thread.join()
    times = sorted(map(float, moments))
    assert len(times) == store.llen(QUEUE) + 1, "one message for every time the job moved on, and the time it began"  # type: ignore[operator]
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(times))
    assert len({headers["id"] for headers in sent(store)}) == store.llen(QUEUE)


def test_a_beat_that_slept_does_not_send_what_another_has_sent(beats: Callable[..., FleetScheduler], store: redis.Redis) -> None:
    frozen, other = beats(job={"schedule": 60.0}), beats(job={"schedule": 60.0})
    frozen.tick()
    missed(store, "job", 61)
    frozen._recall()
    other.tick()
    assert store.llen(QUEUE) == 1
    [entry] = frozen.schedule.values()
    assert entry.is_due().is_due, "by what it remembers"
    assert frozen._look(entry) > 50
    assert store.llen(QUEUE) == 1


@pytest.mark.parametrize("schedule", [60.0, crontab(minute="*")])
def test_what_was_missed_many_times_runs_once(beats: Callable[..., FleetScheduler], store: redis.Redis, schedule: Any) -> None:
    beats(job={"schedule": schedule}).tick()
    assert store.llen(QUEUE) == 0, "a new job waits for its time"
    missed(store, "job", 6000)
    beat = beats(job={"schedule": schedule})
    for _ in range(5):
        beat.tick()
    [headers] = sent(store)
    assert headers["task"] == "fleet.health"
    assert headers["expires"]


def test_a_clock_set_back_delays_a_job_by_a_period_at_most(beats: Callable[..., FleetScheduler], store: redis.Redis) -> None:
    beat = beats(job={"schedule": 60.0})
    beat.tick()
    missed(store, "job", -3600)
    assert beat.tick() <= 5
    [entry] = beat.schedule.values()
    assert entry.is_due().next <= 60
    assert store.llen(QUEUE) == 0


def test_time_is_the_servers(beats: Callable[..., FleetScheduler], store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    beat = beats(job={"schedule": 60.0})
    beat.tick()
    import time

    real = time.time
    monkeypatch.setattr("fleet.lifecycle.scheduler.time.time", lambda: real() + 7200)
    beat._recall()
    assert beat._ahead < -7000, "the host's clock is two hours fast, and it is known"


def test_a_job_of_a_declared_type_or_with_other_options_is_sent_by_celery_and_once(
    beats: Callable[..., FleetScheduler], store: redis.Redis
) -> None:
    jobs = {"held": {"task": "job", "schedule": 60.0, "options": {}}, "odd": {"schedule": 60.0, "options": {"queue": QUEUE, "priority": 0}}}
    first, second = beats(**jobs), beats(**jobs)
    first.tick()
    for name in jobs:
        missed(store, name, 61)
    first.tick()
    second.tick()
    assert store.llen(QUEUE) == 1
    assert store.zcard("fleet:{main}:held:job") == 1
