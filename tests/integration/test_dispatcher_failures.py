"""What happens when attempts fail, workers die and pools are sick: is every task tried elsewhere, and given up with its reason?"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from eventually import eventually
from rig import Rig

from fleet.costs.budget_store import grant
from fleet.costs.budgets import Window
from fleet.dispatcher import dead_letters
from fleet.dispatcher.mending import mend
from fleet.errors import InvalidPayload, NotFound
from fleet.registry import roster


@pytest.fixture
def rig(declared: Callable[..., Rig]) -> Rig:
    return declared()


def test_a_retry_avoids_the_pool_that_failed(rig: Rig) -> None:
    rig.worker("wa", "a")
    handle = rig.submit()
    rig.worker("wb", "b")
    assert rig.end(rig.start("a", "wa"), "retry", reason="boom") == "retry"
    assert (handle.status, rig.record(handle.id).excluded) == ("released", ("a",))
    assert rig.end(rig.start("b", "wb")) == "done"
    rig.check()


def test_where_every_pool_failed_it_is_tried_again_anyway(rig: Rig) -> None:
    rig.worker("wa", "a")
    handle = rig.submit()
    rig.end(rig.start("a", "wa"), "retry", reason="boom")
    assert handle.status == "released", "the only pool with a worker has failed it, and gets it again"
    rig.end(rig.start("a", "wa"))
    rig.check()


def test_attempts_are_capped_and_the_reason_kept(rig: Rig) -> None:
    rig.worker("w", "a")
    handle = rig.submit()
    answers = [rig.end(rig.start("a", "w"), "retry", reason=f"boom {n}") for n in range(3)]
    assert answers == ["retry", "retry", "dead"]
    record = rig.record(handle.id)
    assert (record.state, record.reason) == ("dead", "failed 3 times, last: boom 2")
    assert [letter.task_id for letter in dead_letters.read()] == [handle.id]
    rig.check()


def test_a_backed_off_retry_waits_its_time(rig: Rig) -> None:
    rig.worker("w", "a")
    handle = rig.submit()
    rig.end(rig.start("a", "w"), "retry", reason="boom", delay=0.2)
    assert (handle.status, rig.take("a"), rig.inflight("a")) == ("held", None, 0)
    eventually(lambda: rig.tick().due == 1, interval=0.02)
    rig.end(rig.start("a", "w"))
    rig.check()


def test_retries_keep_within_their_share_of_the_traffic(declared: Callable[..., Rig]) -> None:
    rig = declared(task_types={"job": {"max_attempts": 100}}, settings={"dispatch": {"retry_budget": 0.1}})
    rig.worker("w", "a", 100)
    for _ in range(40):
        rig.submit()
    outcomes = []
    for _ in range(40):
        outcomes.append(rig.end(rig.start("a", "w"), "retry", reason="outage", delay=30.0))
    # Ten a window are always allowed, and a tenth of the forty first attempts.
    assert outcomes.count("retry") == 14
    assert outcomes.count("dead") == 26
    assert "retry budget" in dead_letters.read()[0].reason
    rig.check()


def test_a_failure_of_the_task_itself_is_final(rig: Rig) -> None:
    rig.worker("w", "a")
    handle = rig.submit()
    assert rig.end(rig.start("a", "w"), "failed", reason="ValueError: no", is_task_fault=True) == "failed"
    assert (handle.status, rig.record(handle.id).reason) == ("failed", "ValueError: no")
    rig.check()


def test_a_silent_workers_tasks_run_elsewhere_and_its_late_result_is_fenced(rig: Rig) -> None:
    rig.worker("wa", "a", 2)
    handles = [rig.submit(), rig.submit()]
    old = [rig.start("a", "wa"), rig.start("a", "wa")]
    rig.worker("wb", "b", 2)
    rig.silence("wa", 7)
    ticked = rig.tick()
    assert (ticked.workers_lost, ticked.recovered) == (1, 2)
    assert rig.store.hget(rig.key("slots"), "a") == "0"
    assert all(rig.end(message) is None for message in old)
    for _ in handles:
        assert rig.end(rig.start("b", "wb")) == "done"
    assert all(rig.record(h.id).losses == 1 for h in handles)
    assert roster.heartbeat("wa", 0).status == "unknown", "it has to register again"
    rig.worker("wa", "a", 2)
    assert rig.store.hget(rig.key("slots"), "a") == "2"
    rig.check()


def test_two_hundred_workers_that_fall_silent_together_are_all_noticed(rig: Rig) -> None:
    for n in range(200):
        rig.worker(f"w{n}", "a")
        rig.silence(f"w{n}", 8)
    rig.tick()
    rig.tick()
    rig.tick()
    assert {w.status for w in roster.workers()} == {"failed"}
    assert rig.store.hget(rig.key("slots"), "a") == "0"
    rig.check()


def test_a_worker_silent_for_a_minute_leaves_the_roster(rig: Rig) -> None:
    rig.worker("w", "a")
    rig.silence("w", 70)
    rig.tick()
    assert roster.workers() == []
    rig.check()


def test_a_task_that_takes_its_workers_down_becomes_a_dead_letter(rig: Rig) -> None:
    handle = rig.submit()
    for n in range(3):
        rig.worker(f"w{n}", "a")
        rig.start("a", f"w{n}")
        rig.silence(f"w{n}", 7)
        rig.tick()
    record = rig.record(handle.id)
    assert (record.state, record.losses) == ("dead", 3)
    assert "took 3 workers down, last: worker w2 fell silent" in record.reason
    assert json.loads(str(rig.store.get(f"celery-task-meta-{handle.id}")))["status"] == "FAILURE"
    rig.check()


def test_a_drained_worker_gets_nothing_new_and_finishes_what_it_runs(rig: Rig) -> None:
    rig.worker("w", "a", 2)
    rig.submit()
    message = rig.start("a", "w")
    assert roster.drain("w") == "maintenance"
    assert rig.submit().status == "held"
    assert roster.heartbeat("w", 0).status == "maintenance"
    [record] = roster.workers()
    assert (record.running, record.load, record.slots) == (1, 0.5, 2)
    assert rig.end(message) == "done"
    assert roster.undrain("w") == "idle"
    assert rig.tick().released == 1
    rig.check()


def test_handed_back_work_is_released_elsewhere_at_once(rig: Rig) -> None:
    rig.worker("wa", "a")
    handle = rig.submit()
    taken = rig.take("a")
    assert taken is not None
    rig.worker("wb", "b")
    roster.drain("wa")
    rig.end(taken, "back", reason="stops")
    assert rig.record(handle.id).pool == "b"
    assert rig.end(rig.start("b", "wb")) == "done"
    assert rig.record(handle.id).losses == 0
    rig.check()


def test_a_dead_letter_is_listed_edited_replayed_and_discarded(rig: Rig) -> None:
    rig.worker("w", "a")
    tasks = [rig.submit(payload={"n": n}) for n in range(2)]
    for _ in range(6):
        rig.end(rig.start("a", "w"), "retry", reason="boom")
    first, second = (task.id for task in tasks)
    assert dead_letters.payload(first) == {"n": 0}
    with pytest.raises(InvalidPayload):
        dead_letters.replay(first, {"n": object()})
    assert dead_letters.replay(first, {"n": 7}) == "released"
    assert dead_letters.replay(first) == "is no dead letter"
    assert dead_letters.payload(first) == {"n": 7}
    message = rig.start("a", "w")
    assert (message.task_id, message.attempt) == (first, 4), "attempts go on counting: the fence"
    assert rig.end(message) == "done"
    assert dead_letters.discard(second)
    assert not dead_letters.discard(second)
    assert dead_letters.read() == []
    with pytest.raises(NotFound):
        dead_letters.payload(second)
    rig.check()


def test_a_sick_pool_is_left_alone_then_probed_with_one_task(rig: Rig) -> None:
    rig.worker("wa", "a", 10)
    rig.worker("wb", "b", 1)
    for _ in range(5):
        rig.store.hset(rig.key("factors:job"), mapping={"a": "0.001", "b": "1"})
        rig.submit()
        rig.end(rig.start("a", "wa"), "failed", reason="broken machine")
    assert "a" in rig.store.hgetall(rig.key("ejected"))  # type: ignore[operator]
    second, third = rig.submit(), rig.submit()
    assert (second.submission.pool, third.status) == ("b", "held"), "nothing goes to the ejected pool"
    standing = str(rig.store.hget(rig.key("ejected"), "a")).split()
    standing[4] = "1.0"
    rig.store.hset(rig.key("ejected"), "a", " ".join(standing))
    for _ in range(5):
        rig.submit()
    rig.tick()
    assert rig.inflight("a") == 1, "exactly one probe"
    rig.end(rig.start("a", "wa"))
    assert rig.inflight("a") > 1, "the probe succeeded: the pool is back"
    rig.check()


def test_a_lost_probe_lets_the_next_one_go(rig: Rig) -> None:
    rig.worker("wb", "b")
    rig.submit()
    rig.worker("wa", "a", 2)
    rig.store.hset(rig.key("ejected"), "a", "0 1 0 1 1 0 0")
    probe, other = rig.submit(), rig.submit()
    assert (probe.status, other.status) == ("released", "held")
    probe.cancel()
    rig.tick()
    assert other.status == "released"
    rig.check()


def test_mending_finds_and_repairs_what_disagrees(rig: Rig) -> None:
    rig.worker("w", "a", 2)
    rig.submit()
    rig.store.hset(rig.key("inflight"), mapping={"a": 5, "b": 1, "#held": 3})
    rig.store.hset(rig.key("slots"), "a", 9)
    rig.store.sadd(rig.key("running:w"), "ghost")
    assert mend() == {"mended": 5}
    assert rig.inflight("a") == 1
    assert rig.store.hget(rig.key("slots"), "a") == "2"
    assert rig.store.xlen(rig.key("repairs")) == 5
    rig.check()


def test_without_money_a_task_is_parked_and_a_grant_resumes_it(declared: Callable[..., Rig]) -> None:
    rig = declared(
        settings={"llm": {"provider": "openai", "model": "gpt-4o"}},
        budgets={"org": {"level": "organisation", "limits_usd": {"day": "0.000001"}, "policy": "pause"}},
    )
    rig.worker("w", "a")
    free = rig.submit(payload={"n": 1})
    last = rig.submit(payload={"prompt": "write"})
    paid = rig.submit(payload={"prompt": "write"})
    assert last.submission.reason == "held until a slot is free", "the last task of a budget gets what is left"
    assert free.status == "released", "free work is never blocked"
    assert (paid.submission.answer, paid.status) == ("accepted", "held")
    assert "parked: budget 'org'" in paid.submission.reason
    rig.end(rig.start("a", "w"))
    rig.tick()
    assert paid.status == "held"
    grant(rig.store, "main", "org", Window.DAY, 5_000_000, lambda *_: None)
    rig.tick()
    assert rig.end(rig.start("a", "w")) == rig.state(last.id) == "done"
    assert paid.status == "released"
    rig.end(rig.start("a", "w"))
    assert rig.store.zcard(rig.key("reservations")) == 0
    rig.check()


def test_parked_tasks_of_one_budget_do_not_hide_those_of_another(declared: Callable[..., Rig]) -> None:
    budgets = {
        name: {"tenants": [name], "limits_usd": {"day": "0.000001"}, "policy": "pause"} for name in ("poor", "rich")
    }
    unlimited = {"requests_per_hour": 0, "tokens_per_hour": 0, "usd_per_hour": 0}
    rig = declared(settings={"llm": {"provider": "openai", "model": "gpt-4o"}, "costs": unlimited}, budgets=budgets)
    rig.worker("w", "a")
    for _ in range(120):
        rig.submit(payload={"prompt": "write"}, tenant="poor")
    first = rig.submit(payload={"prompt": "write"}, tenant="rich")
    lucky = rig.submit(payload={"prompt": "write"}, tenant="rich")
    assert "parked" in lucky.submission.reason
    grant(rig.store, "main", "rich", Window.DAY, 5_000_000, lambda *_: None)
    for _ in range(3):
        rig.tick()
    assert rig.store.zscore(rig.key("parked"), lucky.id) is None
    for _ in range(3):
        rig.end(rig.start("a", "w"))
    assert (first.status, lucky.status) == ("done", "done")
    rig.check()
