"""Workers leave, die and freeze: does every task run to one accepted result, and soon?"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest
from e2e.cell import Cell
from eventually import eventually

from fleet import submit
from fleet.dispatcher import tasks
from fleet.dispatcher.mending import mend
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.dispatcher.tasks import search

WAIT = 30
RECONNECT = 90
"""A busy machine restarts a broker slowly, and Celery asks again in growing steps of up to 10 s and more."""


def lines(journal: Path, word: str) -> list[list[str]]:
    return [row.split() for row in journal.read_text().splitlines() if row.startswith(word)] if journal.exists() else []


def attempts(task_id: str) -> int:
    record = tasks.read(task_id)
    assert record is not None
    return record.attempt


def test_sigterm_finishes_what_runs_and_hands_back_the_rest(broken: Cell, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first = broken.start("victims", "first")
    naps = [submit("nap_apart", {"seconds": 1.5, "journal": str(journal)}) for _ in range(4)]
    eventually(lambda: len(lines(journal, "start")) == 2, timeout=WAIT)
    second = broken.start("victims", "second", ready=False)
    eventually(lambda: second.record is not None, timeout=WAIT)
    first.tell(signal.SIGTERM)
    assert all(task.get(WAIT) for task in naps)
    assert first.process.wait(WAIT) == 0
    assert first.record is None, "it left the roster"
    assert {task.status for task in naps} == {"done"}
    assert Counter(row[1] for row in lines(journal, "start")) == Counter({task.id: 1 for task in naps})
    assert mend() == {"mended": 0}


def test_a_killed_worker_and_a_frozen_one_lose_their_tasks_to_another(broken: Cell, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    killed, frozen = broken.start("victims", "killed", ready=False), broken.start("victims", "frozen", ready=False)
    eventually(lambda: killed.is_ready() and frozen.is_ready(), timeout=WAIT)
    naps = [submit("nap_apart", {"seconds": 1.0, "journal": str(journal)}) for _ in range(4)]
    eventually(lambda: len(lines(journal, "start")) == 4, timeout=WAIT)
    killed.tell_everyone(signal.SIGKILL)
    frozen.tell_everyone(signal.SIGSTOP)
    rescuer = broken.start("victims", "rescuer", slots=4, ready=False)
    eventually(lambda: {task.status for task in naps} == {"done"}, timeout=WAIT)
    accepted = {task.id: attempts(task.id) for task in naps}
    assert set(accepted.values()) == {2}
    frozen.tell_everyone(signal.SIGCONT)
    eventually(lambda: (row := frozen.record) is not None and row.status == "idle", timeout=WAIT)
    log = frozen.log
    eventually(lambda: log.read_text().count("late_result_fenced") == 2, timeout=WAIT)
    assert {task.id: attempts(task.id) for task in naps} == accepted
    assert Counter(row.task_id for row in search()) == Counter({task.id: 1 for task in naps}), "one end each"
    assert rescuer.record is not None
    assert mend() == {"mended": 0}


@pytest.mark.timeout(300)
def test_a_broker_killed_in_mid_load_is_consumed_again(broken: Cell) -> None:
    broken.start("victims", "worker")
    before = [submit("nap_apart", {"seconds": 0.05}) for _ in range(20)]
    before[0].get(WAIT)
    # What the append-only file must have: everysec writes within a second.
    eventually(lambda: tasks.read(before[-1].id) is not None)
    broken.kill_broker()
    broken.restart_broker()
    after = list(submit_many(TaskRequest("nap_apart", {"seconds": 0.0}) for _ in range(20)))
    assert not [answer for answer in after if isinstance(answer, Exception)]
    eventually(lambda: all(task.status == "done" for task in after), timeout=RECONNECT)  # type: ignore[union-attr]
    eventually(lambda: all(task.status in ("done", "unknown") for task in before), timeout=RECONNECT)
    assert eventually(lambda: mend() == {"mended": 0}, timeout=RECONNECT)
