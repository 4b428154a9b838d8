"""Does one task go through its life as promised: held, released, claimed once, finished once, cancelled anywhere?"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from eventually import eventually
from rig import Rig

from fleet.dispatcher.claim import claim
from fleet.dispatcher.pausing import pause, resume
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.errors import ConfigurationError, UnknownName
from fleet.registry import roster

EARLY = ["round_robin", "least_connections", "weighted_round_robin", "ai_optimized"]


@pytest.fixture
def rig(declared: Callable[..., Rig]) -> Rig:
    return declared()


@pytest.mark.parametrize("strategy", ["late_binding", *EARLY])
def test_a_task_is_released_claimed_and_finished_once(declared: Callable[..., Rig], strategy: str) -> None:
    rig = declared(task_types={"job": {"strategy": strategy}})
    rig.worker("w", "a")
    handle = rig.submit(payload={"n": 1})
    assert handle.submission.pool == "a", handle.submission
    message = rig.take("a")
    assert message is not None
    assert (message.task_id, message.attempt) == (handle.id, 1)
    assert claim(handle.id, 1, "w", ticket="first").granted
    assert claim(handle.id, 1, "w", ticket="first").granted, "whoever did not hear the answer may ask again"
    assert not claim(handle.id, 1, "w").granted, "a second copy of the message at the same worker is another asker"
    assert not claim(handle.id, 1, "other").granted
    assert rig.state(handle.id) == "running"
    assert rig.end(message) == "done"
    assert rig.end(message) is None, "a second result is fenced off"
    record = rig.record(handle.id)
    assert (record.state, record.strategy, record.pool) == ("done", strategy, "a")
    assert record.decision["candidates"]
    assert rig.inflight("a") == 0
    rig.check()


@pytest.mark.parametrize("strategy", ["late_binding", *EARLY])
def test_released_tasks_never_exceed_the_slots(declared: Callable[..., Rig], strategy: str) -> None:
    rig = declared(task_types={"job": {"strategy": strategy}})
    rig.worker("wa", "a", 2)
    rig.worker("wb", "b", 3)
    ids = [rig.submit().id for _ in range(12)]
    assert (rig.inflight("a"), rig.inflight("b"), rig.held()) == (2, 3, 7)
    done = 0
    while any(rig.state(task) != "done" for task in ids):
        for pool in "ab":
            if rig.store.llen(f"fleet.{pool}"):
                rig.end(rig.start(pool, f"w{pool}"))
                done += 1
            assert rig.inflight(pool) <= {"a": 2, "b": 3}[pool]
    assert done == 12
    rig.check()


def test_nothing_is_released_without_a_worker_and_everything_when_one_comes(rig: Rig) -> None:
    handle = rig.submit()
    assert (handle.status, handle.submission.pool) == ("held", None)
    rig.worker("w", "a")
    assert handle.status == "released"
    rig.check()


def test_a_lost_message_is_sent_again_and_the_old_one_is_fenced(rig: Rig) -> None:
    rig.worker("w", "a")
    handle = rig.submit()
    lost = rig.take("a")
    assert lost is not None
    rig.store.zincrby(rig.key("released"), -60, handle.id)
    assert rig.tick().sent_again == 1
    again = rig.start("a", "w")
    assert (again.task_id, again.attempt) == (handle.id, 2)
    refused = claim(lost.task_id, lost.attempt, "w")
    assert not refused.granted
    assert "attempt 1 is over" in refused.reason
    assert rig.end(again) == "done"
    rig.check()


def test_a_pool_that_lost_its_workers_gives_released_tasks_to_another(rig: Rig) -> None:
    rig.worker("w", "a")
    handle = rig.submit()
    roster.leave("w")
    rig.worker("v", "b")
    rig.store.zincrby(rig.key("released"), -60, handle.id)
    rig.tick()
    assert rig.start("b", "v").task_id == handle.id
    rig.check()


def test_delays_are_neither_early_nor_twice(rig: Rig) -> None:
    rig.worker("w", "a", 10)
    handle = rig.submit(delay_seconds=0.4)
    assert rig.tick().due == 0
    assert rig.take("a") is None
    eventually(lambda: rig.tick().due == 1, interval=0.02)
    record = rig.record(handle.id)
    assert record.released_at is not None
    assert record.released_at - record.submitted_at >= 0.4
    assert rig.tick().due == 0
    assert rig.store.llen("fleet.a") == 1
    rig.check()


def test_a_delayed_task_is_bound_when_it_is_due(declared: Callable[..., Rig]) -> None:
    rig = declared(task_types={"job": {"strategy": "least_connections"}})
    rig.worker("w", "b")
    rig.submit(delay_seconds=0.05)
    eventually(lambda: rig.tick().due == 1, interval=0.02)
    rig.end(rig.start("b", "w"))
    rig.check()


def test_a_deadline_ends_a_held_task_and_spares_a_running_one(rig: Rig) -> None:
    rig.worker("w", "a")
    first = rig.submit(deadline_seconds=0.2)
    running = rig.start("a", "w")
    second, third = rig.submit(deadline_seconds=0.2), rig.submit(deadline_seconds=100, delay_seconds=50)
    eventually(lambda: rig.tick().expired == 1, interval=0.02)
    assert (first.status, second.status, third.status) == ("running", "dead", "held")
    assert rig.record(second.id).reason == "deadline passed while held"
    assert rig.end(running) == "done"
    rig.check()


def test_an_expired_task_is_not_released_even_before_the_tick(rig: Rig) -> None:
    late = rig.submit(deadline_seconds=0.01)
    fresh = rig.submit()
    eventually(lambda: rig.store.time()[0] + rig.store.time()[1] / 1e6 > rig.record(late.id).submitted_at + 0.02)
    rig.worker("w", "a")
    rig.tick()
    assert rig.start("a", "w").task_id == fresh.id
    assert late.status == "dead"
    rig.check()


def test_the_same_idempotency_key_is_the_same_task_per_tenant(rig: Rig) -> None:
    one, two = rig.submit(idempotency_key="k"), rig.submit(idempotency_key="k")
    other = rig.submit(idempotency_key="k", tenant="acme")
    assert one.id == two.id != other.id
    assert rig.held() == 2
    ttl = rig.store.ttl(rig.key("idempotency:default:k"))
    assert 0 < ttl <= 86_400  # type: ignore[operator]
    rig.check()


def test_the_same_task_id_is_the_same_task(rig: Rig) -> None:
    first, again = rig.submit(task_id="me"), rig.submit(task_id="me")
    assert (first.id, again.id, again.submission.reason) == ("me", "me", "submitted already")
    assert rig.held() == 1
    rig.check()


@pytest.mark.parametrize("state", ["held", "delayed", "released", "running", "dead"])
def test_a_task_is_cancelled_in_every_state(rig: Rig, state: str) -> None:
    if state not in ("held", "delayed"):
        rig.worker("w", "a")
    handle = rig.submit(delay_seconds=60 if state == "delayed" else 0)
    message = rig.start("a", "w") if state in ("running", "dead") else None
    while state == "dead" and rig.end(message, "retry", reason="no") != "dead":
        message = rig.start("a", "w")
    follower = rig.submit()
    was = {"delayed": "held"}.get(state, state)
    assert handle.cancel("not wanted") == was
    assert handle.status == "cancelled"
    assert handle.cancel() == "cancelled", "cancelling twice changes nothing"
    if message is not None:
        assert rig.end(message) is None, "what a cancelled attempt still says is not believed"
    if state in ("released", "running"):
        assert rig.start("a", "w").task_id == follower.id, "its slot is free at once"
    meta = json.loads(str(rig.store.get(f"celery-task-meta-{handle.id}")))
    assert meta["status"] == "REVOKED"
    rig.check()


def test_cancelling_what_is_over_or_unknown_says_so(rig: Rig) -> None:
    rig.worker("w", "a")
    handle = rig.submit()
    rig.end(rig.start("a", "w"))
    assert handle.cancel() == "done"
    assert handle.status == "done"
    from fleet.dispatcher.tasks import cancel

    assert cancel("nobody", "why not") == "unknown"


def test_a_paused_pool_and_a_paused_type_release_nothing(declared: Callable[..., Rig]) -> None:
    rig = declared(task_types={"job": {}, "chore": {}})
    rig.worker("wa", "a", 4)
    pause("a", "broken")
    assert rig.submit().status == "held"
    rig.worker("wb", "b", 4)
    pause("chore", "not now")
    chore, job = rig.submit("chore"), rig.submit("job")
    assert (chore.status, job.status, job.submission.pool) == ("held", "released", "b")
    rig.tick()
    assert chore.status == "held"
    assert resume("chore")
    assert chore.status == "released"
    assert resume("a")
    assert not resume("a")
    rig.check()
    with pytest.raises(UnknownName, match="job"):
        pause("jop", "typo")


def test_bulk_answers_one_by_one(rig: Rig) -> None:
    requests = [TaskRequest("job", {"n": n}, priority=99 if n == 3 else 5, size_hint=float("nan") if n == 70 else None) for n in range(250)]
    seen: list[int] = []
    answers = list(submit_many(requests, lambda n, _: seen.append(n)))
    assert [n for n, answer in enumerate(answers) if isinstance(answer, ConfigurationError)] == [3, 70]
    assert seen == list(range(250))
    assert rig.held() == 248
    rig.check()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"priority": 10}, "priority is 10: use a whole number from 0"),
        ({"priority": 2.5}, "priority is 2.5: use a whole number"),
        ({"priority": "high"}, "priority is 'high': use a whole number"),
        ({"complexity": 1.5}, "complexity is 1.5"),
        ({"complexity": "hard"}, "complexity is 'hard'"),
        ({"size_hint": float("nan")}, "size_hint is nan: use a number above 0"),
        ({"size_hint": -3}, "size_hint is -3"),
        ({"size_hint": float("inf")}, "size_hint is inf"),
        ({"delay_seconds": -1}, "delay_seconds is -1"),
        ({"delay_seconds": float("nan")}, "delay_seconds is nan"),
        ({"deadline_seconds": -5}, "deadline_seconds is -5"),
        ({"deadline_seconds": 0}, "deadline_seconds is 0: it must lie after"),
        ({"deadline_seconds": float("inf")}, "deadline_seconds is inf"),
        ({"deadline_seconds": 5, "delay_seconds": 10}, "after the delay"),
        ({"tenant": ""}, "tenant is ''"),
        ({"tenant": None}, "tenant is None"),
        ({"task_type": "jbo"}, "did you mean 'job'"),
    ],
)
def test_what_no_task_can_have_is_refused_by_name(rig: Rig, wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        rig.submit(**wrong)  # type: ignore[arg-type]
    assert rig.held() == 0


def test_a_type_no_pool_can_run_is_refused_with_the_reason(declared: Callable[..., Rig]) -> None:
    rig = declared(task_types={"job": {}, "chore": {}}, runs={"a": ["job", "chore"], "b": ["job"]}, pools={"a": {}, "b": {}})
    rig.store.delete(rig.key("factors:chore"))
    handle = rig.submit("chore")
    assert handle.submission.answer == "refused"
    assert "no pool can run 'chore'" in handle.submission.reason


def test_a_tick_with_much_to_do_does_all_of_it_in_portions(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {}}, settings={"costs": {"requests_per_hour": 0}})
    rig.worker("w", "a", 130)
    running = [rig.submit().id for _ in range(130)]
    for _ in running:
        rig.start("a", "w")
    delayed = [rig.submit(delay_seconds=60).id for _ in range(130)]
    rig.store.zadd(rig.key("delayed"), dict.fromkeys(delayed, 1.0))
    rig.silence("w")
    rig.store.config_resetstat()
    ticked = rig.tick()
    assert (ticked.due, ticked.recovered, ticked.workers_lost) == (130, 130, 1)
    assert rig.held() == 260
    assert rig.store.info("commandstats")["cmdstat_fcall"]["calls"] >= 3
    rig.worker("x", "a", 260)
    assert rig.inflight("a") == 260
    rig.check()
