"""Does whatever Celery users write work unchanged: results, chains, groups, chords, callbacks, retries, options?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import chain, chord, group
from celery.exceptions import ChordError
from celery.result import AsyncResult
from e2e.cell import Cell
from eventually import eventually

from fleet import submit
from fleet.app import app
from fleet.dispatcher import tasks
from fleet.dispatcher.errors import NotAccepted

WAIT = 20


@pytest.fixture(autouse=True)
def registered(cell: Cell) -> None:
    """The producer knows the tasks by import, as Celery's do."""
    from e2e.agents import steps

    assert steps.add.name == "add"
    assert cell.workers


def sig(name: str, **payload: Any) -> Any:
    return app.signature(name, kwargs=payload)


def test_a_submitted_task_gives_its_result(cell: Cell) -> None:
    handle = submit("add", {"x": 1, "y": 2}, tenant="acme")
    assert handle.get(WAIT) == {"sum": 3, "tenant": "acme", "attempt": 1}
    assert eventually(lambda: handle.status == "done")


def test_async_results_work_in_any_process_that_knows_the_id(cell: Cell) -> None:
    handle = submit("add", {"x": 1})
    result = AsyncResult(handle.id, app=app)
    assert result.get(timeout=WAIT)["sum"] == 1
    assert (result.state, result.successful(), result.ready()) == ("SUCCESS", True, True)


def test_apply_async_and_send_task_go_through_the_same_door(cell: Cell) -> None:
    from e2e.agents.steps import add

    sent = app.send_task("add", kwargs={"x": 2}, headers={"tenant": "acme"}, priority=8)
    applied = add.apply_async(kwargs={"x": 3}, priority=2)
    delayed = add.delay(x=4)
    assert [r.get(timeout=WAIT)["sum"] for r in (sent, applied, delayed)] == [2, 3, 4]
    record = tasks.read(sent.id)
    assert record is not None
    assert (record.tenant, record.priority, record.pool) == ("acme", 8, "steps")


def test_a_chain_hands_each_result_on(cell: Cell) -> None:
    result = chain(sig("add", x=1), sig("add", x=10), sig("add", x=100)).apply_async()
    assert result.get(timeout=WAIT)["sum"] == 111
    assert result.parent.parent.get(timeout=WAIT)["sum"] == 1


def test_a_group_gives_all_results_in_order(cell: Cell) -> None:
    result = group(sig("add", x=n) for n in range(8)).apply_async()
    assert [row["sum"] for row in result.get(timeout=WAIT)] == list(range(8))


def test_a_chord_joins(cell: Cell) -> None:
    result = chord([sig("add", x=n) for n in range(5)], sig("add", x=100)).apply_async()
    assert result.get(timeout=WAIT)["sum"] == 110


def failure_of(result: AsyncResult) -> str:
    """Wait until a chord has failed; returns why. (`get` would raise the part's error first.)"""
    assert eventually(lambda: result.state == "FAILURE", timeout=WAIT)
    assert isinstance(result.result, ChordError)
    return str(result.result)


def test_a_chord_with_a_failed_part_fails(cell: Cell) -> None:
    result = chord([sig("add", x=1), sig("mishap", how="permanent")], sig("add")).apply_async()
    assert "cannot ever work" in failure_of(result)


def test_a_chord_with_a_cancelled_part_fails_too(cell: Cell) -> None:
    late = sig("add", x=1).set(countdown=600)
    result = chord([sig("add", x=1), late], sig("add")).apply_async()
    assert tasks.cancel(result.parent.results[1].id, "not wanted") == "held"
    assert "not wanted" in failure_of(result)


def test_callbacks_follow_success_and_failure(cell: Cell) -> None:
    after = sig("add", x=5).set(task_id="after-success")
    sig("add", x=1).apply_async(link=after)
    assert AsyncResult("after-success", app=app).get(timeout=WAIT)["sum"] == 6


def test_a_task_that_retries_itself_and_one_that_is_retried(cell: Cell) -> None:
    from e2e.agents.steps import stubborn, touchy

    own, auto = stubborn.delay(until=2), touchy.delay(until=2)
    assert (own.get(timeout=WAIT), auto.get(timeout=WAIT)) == (2, 2)
    record = tasks.read(own.id)
    assert record is not None
    assert (record.attempt, record.state) == (3, "done")


def test_a_failing_attempt_is_tried_again_by_the_fleet(cell: Cell) -> None:
    assert submit("mishap", {"how": "until", "attempt": 3}).get(WAIT) == {"attempt": 3}


def test_countdown_and_eta_wait_and_are_not_early(cell: Cell) -> None:
    from e2e.agents.steps import add

    counted = add.apply_async(kwargs={"x": 1}, countdown=0.6)
    timed = add.apply_async(kwargs={"x": 2}, eta=datetime.now(UTC) + timedelta(seconds=0.6))
    assert (counted.get(timeout=WAIT)["sum"], timed.get(timeout=WAIT)["sum"]) == (1, 2)
    for task in (counted, timed):
        record = tasks.read(task.id)
        assert record is not None
        assert record.wait_seconds is not None
        assert record.wait_seconds >= 0.55


def test_a_task_nobody_starts_in_time_expires(cell: Cell) -> None:
    from e2e.agents.steps import add

    result = add.apply_async(kwargs={"x": 1}, countdown=600, expires=700)
    record = tasks.read(result.id)
    assert record is not None
    assert record.state == "held"
    result.revoke()
    eventually(lambda: (found := tasks.read(result.id)) is not None and found.state == "cancelled")


def test_plain_celery_tasks_run_beside_the_fleet(cell: Cell) -> None:
    from e2e.agents.steps import multiply

    assert multiply.delay(6, 7).get(timeout=WAIT) == 42
    assert group(multiply.s(n, 2) for n in range(3)).apply_async().get(timeout=WAIT) == [0, 2, 4]


def test_what_the_door_refuses_is_an_error_at_the_producer(cell: Cell) -> None:
    from e2e.agents.steps import add

    from fleet.store import keys
    from fleet.store.client import connect

    limits = keys.prefix("main") + "limits"
    connect().hset(limits, "tenant:greedy", "1 0 0")
    add.apply_async(kwargs={"x": 1}, headers={"tenant": "greedy"}).get(timeout=WAIT)
    with pytest.raises(NotAccepted, match="rate limit of tenant:greedy"):
        add.apply_async(kwargs={"x": 1}, headers={"tenant": "greedy"})
    connect().hdel(limits, "tenant:greedy")
