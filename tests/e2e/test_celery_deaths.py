"""Workers leave, die and freeze: does every task run to one accepted result, and soon?"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import psutil
import pytest
from e2e.cell import Cell, Worker
from eventually import eventually

from fleet import submit
from fleet.dispatcher import tasks
from fleet.dispatcher.envelope import ATTEMPT, QUEUE
from fleet.dispatcher.mending import mend
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.dispatcher.tasks import search
from fleet.health import glance
from fleet.store.client import connect
from workers.gameday.proxy import Proxy

WAIT = 30
RECONNECT = 90
"""A busy machine restarts a broker slowly."""


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


def test_a_task_that_outlasts_the_grace_period_is_handed_back_and_is_no_loss(broken: Cell, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    pair = [broken.start("hasty", "first", ready=False), broken.start("hasty", "second", ready=False)]
    eventually(lambda: all(worker.is_ready() for worker in pair), timeout=WAIT)
    nap = submit("nap_long", {"seconds": 8, "journal": str(journal)})
    pid = int(eventually(lambda: lines(journal, "start"), timeout=WAIT)[0][3])
    [(first, child)] = [(worker, child) for worker in pair for child in worker.children() if child.pid == pid]
    first.tell(signal.SIGTERM)
    assert first.process.wait(WAIT) == 0
    # Nobody goes on with what was handed back.
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, timeout=WAIT)
    assert nap.get(WAIT) == {"attempt": 2}
    record = tasks.read(nap.id)
    assert record is not None
    assert record.losses == 0
    assert first.record is None
    assert mend() == {"mended": 0}


def test_an_idle_worker_stops_though_its_broker_does_not_answer(broken: Cell) -> None:
    worker = broken.start("victims", "worker")
    assert submit("nap_apart", {"seconds": 0.0}).get(WAIT)
    broken.broker.process.send_signal(signal.SIGSTOP)
    eventually(lambda: "store_unavailable" in worker.log.read_text(), timeout=WAIT)
    worker.tell(signal.SIGTERM)
    assert worker.process.wait(WAIT) == 0
    broken.broker.process.send_signal(signal.SIGCONT)


def test_a_ghost_ends_itself_and_its_task_runs_elsewhere(broken: Cell, tmp_path: Path) -> None:
    wire, direct = Proxy(broken.broker.port), broken.broker.url
    apart = {
        "FLEET_BROKER__URL": direct.replace(f":{broken.broker.port}/", f":{wire.port}/"), "FLEET_BROKER__STORE_URL": direct,
        "FLEET_HEALTH__GHOST_SECONDS": "2", "FLEET_BROKER__HEALTH_CHECK_SECONDS": "600",
    }  # fmt: skip
    ghost = broken.start("victims", "ghost", **apart)
    assert submit("nap_apart", {"seconds": 0.0}).get(WAIT)
    wire.mute()
    eventually(lambda: (row := ghost.record) is not None and row.deaf_seconds > 0, timeout=WAIT)
    waiting = submit("nap_apart", {"seconds": 0.0})
    assert ghost.process.wait(WAIT) == 3, "to be started again by whoever started it"
    assert [repair["kind"] for repair in glance.look().repairs if repair["kind"] == "ghost_ended"] == ["ghost_ended"]
    broken.start("victims", "successor", **apart)
    assert waiting.get(WAIT)
    wire.close()


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


def test_a_message_that_comes_twice_to_one_worker_runs_once(broken: Cell, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    worker = broken.start("victims", "worker")
    nap = submit("nap_apart", {"seconds": 2.0, "journal": str(journal)})
    eventually(lambda: lines(journal, "start"), timeout=WAIT)
    envelope = str(connect().hget("fleet:{main}:task:" + nap.id, "envelope")).encode()
    connect().lpush("fleet.victims", envelope.replace(QUEUE, b"fleet.victims").replace(ATTEMPT, b"1"))
    eventually(lambda: "attempt_dropped" in worker.log.read_text(), timeout=WAIT)
    assert nap.get(WAIT)
    assert len(lines(journal, "start")) == 1
    assert mend() == {"mended": 0}


def with_nothing_to_report(worker: Worker) -> None:
    """Suspend a worker's processes once they have done a task and the worker knows: its slots are free, and stay so."""
    assert submit("nap_apart", {"seconds": 0.0}).get(WAIT)
    eventually(lambda: connect().hlen("unacked") == 0, timeout=WAIT)
    for child in worker.children():
        child.suspend()


def test_tasks_that_begin_as_the_connection_breaks_are_not_forgotten(broken: Cell, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    worker = broken.start("victims", "worker")
    with_nothing_to_report(worker)
    # Longer than it takes the worker to give up what it believes not to run.
    naps = [submit("nap_apart", {"seconds": 5.0, "journal": str(journal)}) for _ in range(2)]
    eventually(lambda: connect().llen("fleet.victims") == 0 and worker.log.read_text().count(" received") == 3, timeout=WAIT)
    connect().client_kill_filter(_type="normal", skipme=True)
    for child in worker.children():
        child.resume()
    assert [task.get(WAIT) for task in naps] == [{"attempt": 1}] * 2
    assert Counter(row[1] for row in lines(journal, "start")) == Counter({task.id: 1 for task in naps})
    assert mend() == {"mended": 0}


def test_a_worker_with_messages_that_nobody_has_begun_outlives_its_broker(broken: Cell) -> None:
    worker = broken.start("victims", "worker")
    with_nothing_to_report(worker)
    naps = [submit("nap_apart", {"seconds": 0.1}) for _ in range(2)]
    eventually(lambda: worker.log.read_text().count(" received") == 3, timeout=WAIT)
    broken.kill_broker()
    eventually(lambda: "messages_not_put_back" in worker.log.read_text(), timeout=WAIT)
    broken.restart_broker()
    for child in worker.children():
        child.resume()
    later = submit("nap_apart", {"seconds": 0.1})
    eventually(lambda: later.status == "done", timeout=RECONNECT)
    eventually(lambda: {task.status for task in naps} <= {"done", "unknown"}, timeout=RECONNECT)
    assert worker.process.poll() is None


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
