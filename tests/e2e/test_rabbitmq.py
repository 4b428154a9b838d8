"""Does everything hold when messages travel by a real RabbitMQ, state stays in Redis, and either side is killed?"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import rabbitmq
from e2e.cell import Cell, running
from e2e.test_celery_deaths import lines
from eventually import eventually
from typed import blocks, typed

from fleet import submit
from fleet.dispatcher.mending import mend
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.dispatcher.tasks import read, search
from fleet.settings import current
from fleet.store.client import connect

WAIT = 60
FILE = Path(__file__).parent / "agents" / "amqp.yaml"
CALLS = {
    "nap": {"seconds": 0.01}, "nap_apart": {"seconds": 0.01}, "add": {"x": 1, "y": 2},
    "mishap": {"how": "until", "attempt": 2}, "stubborn": {"until": 1},
}  # fmt: skip

WORKERS = {"left": "left", "right": "right", "twin1": "twins", "twin2": "twins"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbitmq.RabbitMQ]:
    started = rabbitmq.start(tmp_path_factory.mktemp("rabbitmq"))
    yield started
    started.stop()


@pytest.fixture(params=["classic", "quorum"])
def cell(broker: rabbitmq.RabbitMQ, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cell]:
    # A queue's type cannot change: each has a virtual host of its own.
    vhost = broker.add_vhost()
    environment = {"FLEET_BROKER__URL": broker.url + vhost, "FLEET_FILE": str(FILE), "FLEET_BROKER__QUEUE_TYPE": request.param}
    with running(tmp_path, environment) as cell:
        yield cell


@pytest.mark.timeout(300)
def test_every_strategy_runs_and_a_busy_worker_hoards_nothing(cell: Cell) -> None:
    workers = [cell.start(pool, name, slots=1, ready=False) for name, pool in WORKERS.items()]
    for worker in workers:
        eventually(worker.is_ready, timeout=WAIT)
    tasks = [submit(name, CALLS[name]) for _ in range(6) for name in CALLS]
    assert [task.get(WAIT) for task in tasks[2::5]] == [{"sum": 3, "tenant": "default", "attempt": 1}] * 6
    eventually(lambda: {task.status for task in tasks} == {"done"}, timeout=WAIT)
    used = {record.strategy for task in tasks if (record := read(task.id))}
    assert used == {"late_binding", "round_robin", "least_connections", "weighted_round_robin", "ai_optimized"}
    assert connect().exists(*(f"fleet.{pool}" for pool in WORKERS.values())) == 0, "no message went through Redis"
    # One twin is busy: every other task must reach the other one.
    long = submit("nap", {"seconds": 60})
    eventually(lambda: long.status == "running", timeout=WAIT)
    short = [submit("nap", {"seconds": 0.01}) for _ in range(8)]
    eventually(lambda: {task.status for task in short} == {"done"}, timeout=50)
    assert long.status == "running"
    long.cancel()
    assert mend() == {"mended": 0}


@pytest.mark.timeout(300)
def test_neither_a_killed_worker_nor_a_killed_broker_loses_or_doubles_a_task(
    cell: Cell, broker: rabbitmq.RabbitMQ, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    killed, other = cell.start("twins", "killed", ready=False), cell.start("twins", "other", ready=False)
    eventually(lambda: killed.is_ready() and other.is_ready(), timeout=WAIT)
    naps = [submit("nap", {"seconds": 0.5, "journal": str(journal)}) for _ in range(12)]
    eventually(lambda: len(lines(journal, "start")) >= 4, timeout=WAIT)
    killed.tell_everyone(signal.SIGKILL)
    eventually(lambda: {task.status for task in naps} == {"done"}, timeout=WAIT)
    broker.kill()
    meanwhile = list(submit_many(TaskRequest("nap", {"seconds": 0.01}) for _ in range(20)))
    assert not [answer for answer in meanwhile if isinstance(answer, Exception)], "accepted: the store has them"
    broker.restart()
    eventually(lambda: {task.status for task in meanwhile} == {"done"}, timeout=120)  # type: ignore[union-attr]
    ended = Counter(row.task_id for row in search(limit=1000))
    assert ended == Counter({task.id: 1 for task in [*naps, *meanwhile]})  # type: ignore[union-attr]
    assert mend() == {"mended": 0}


def test_what_the_page_says_works_as_it_is_typed(cell: Cell, tmp_path: Path) -> None:
    [block] = blocks("rabbitmq.md")
    settings = current().broker
    here = {"amqp://rabbitmq:5672//": settings.url.get_secret_value(), "redis://redis:6379/0": settings.store_url.get_secret_value()}
    worker = cell.start("left", "left", slots=1)
    eventually(worker.is_ready, timeout=WAIT)
    code, said = typed(block, here, tmp_path)
    assert code in (0, 1), said  # nothing else of the fleet runs here, and the doctor says so
    assert "not seen" not in said, said
    assert "Traceback" not in said
    assert "connectivity" in said
