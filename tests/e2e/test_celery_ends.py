"""How do attempts end that do not end well: limits, kills, revokes, results nobody can write down?"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import celery.exceptions
import pytest
from e2e.cell import Cell
from eventually import eventually

from fleet import submit
from fleet.app import app
from fleet.dispatcher import dead_letters, tasks
from fleet.dispatcher.errors import PermanentFailure
from fleet.store import keys
from fleet.store.client import connect

WAIT = 20


def starts(journal: Path) -> list[str]:
    return [line for line in journal.read_text().splitlines() if line.startswith("start")] if journal.exists() else []


def test_the_soft_limit_interrupts_and_the_task_may_answer(cell: Cell) -> None:
    from e2e.agents.steps import nap

    assert nap.__name__ == "nap"
    result = app.send_task("nap", kwargs={"seconds": 30}, soft_time_limit=0.5, time_limit=10)
    assert result.get(timeout=WAIT) == {"interrupted": True}


def test_the_hard_limit_kills_and_the_task_is_tried_as_often_as_allowed(cell: Cell, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    payload = {"seconds": 30, "journal": str(journal), "deaf": True}
    result = app.send_task("nap", kwargs=payload, soft_time_limit=9, time_limit=0.3)
    with pytest.raises(celery.exceptions.TimeLimitExceeded):
        result.get(timeout=WAIT)
    assert len(starts(journal)) == 3
    record = tasks.read(result.id)
    assert record is not None
    assert (record.state, record.attempt) == ("dead", 3)


def test_a_plain_function_of_a_declared_type_is_claimed_and_runs_once(cell: Cell, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    result = app.send_task("plain_but_declared", kwargs={"seconds": 3, "journal": str(journal)})
    assert result.get(timeout=WAIT) == result.id, "longer than release_seconds: unclaimed, it would be sent again and again"
    assert len(starts(journal)) == 1
    record = tasks.read(result.id)
    assert record is not None
    assert (record.state, record.attempt) == ("done", 1)


def test_a_permanent_failure_is_not_tried_again(cell: Cell) -> None:
    handle = submit("mishap", {"how": "permanent"})
    with pytest.raises(PermanentFailure, match="cannot ever work"):
        handle.get(WAIT)
    record = tasks.read(handle.id)
    assert record is not None
    assert (record.state, record.attempt) == ("failed", 1)


def test_a_result_that_is_no_json_fails_by_name(cell: Cell) -> None:
    handle = submit("mishap", {"how": "unserialisable"})
    with pytest.raises(Exception, match="not JSON serializable"):
        handle.get(WAIT)
    record = tasks.read(handle.id)
    assert record is not None
    assert (record.state, record.attempt) == ("failed", 1)


def test_a_task_that_kills_its_process_ends_in_the_dead_letters_and_the_worker_lives(cell: Cell) -> None:
    handle = submit("mishap", {"how": "die"})
    assert eventually(lambda: handle.status == "dead", timeout=WAIT)
    [letter] = [row for row in dead_letters.read() if row.task_id == handle.id]
    assert letter.losses == 3
    assert "took 3 workers down" in letter.reason
    assert submit("add", {"x": 1}).get(WAIT)["sum"] == 1


def test_a_running_task_is_cancelled_and_its_process_stopped(cell: Cell, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    handle = submit("nap", {"seconds": 60, "journal": str(journal)})
    eventually(lambda: handle.status == "running" and starts(journal), timeout=WAIT)
    child = int(starts(journal)[0].split()[3])
    assert handle.cancel() == "running"
    assert handle.status == "cancelled"
    with pytest.raises(celery.exceptions.TaskRevokedError):
        handle.get(WAIT)

    def is_gone() -> bool:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        return False

    eventually(is_gone, timeout=WAIT)
    assert submit("add", {"x": 1}).get(WAIT)["sum"] == 1


def test_a_revoked_message_frees_its_slot_when_the_worker_drops_it(cell: Cell, tmp_path: Path) -> None:
    naps = [submit("nap", {"seconds": 1}) for _ in range(2)]
    waiting = submit("nap", {"seconds": 1})
    app.control.revoke(waiting.id)
    assert eventually(lambda: waiting.status == "cancelled", timeout=WAIT)
    for task in naps:
        task.get(WAIT)
    assert connect().hget(keys.prefix("main") + "inflight", "steps") == "0"


def test_a_killed_child_alone_is_noticed_at_once(cell: Cell, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    handle = submit("nap", {"seconds": 2, "journal": str(journal)})
    eventually(lambda: starts(journal), timeout=WAIT)
    os.kill(int(starts(journal)[0].split()[3]), signal.SIGKILL)
    assert handle.get(WAIT) == {"attempt": 2}
    record = tasks.read(handle.id)
    assert record is not None
    assert (record.state, record.losses) == ("done", 1)
