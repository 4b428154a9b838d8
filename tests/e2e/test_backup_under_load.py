"""The broker is killed with everything on its disk while the fleet works: is every task back, and every micro-dollar?

`FLEET_TEST_SCALE=full` plays it with 100 000 tasks, and prints what it took.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from conftest import forget_facts
from eventually import eventually
from pydantic import SecretStr
from rig import Rig, build

from fleet.backup import files
from fleet.backup.create import create
from fleet.backup.drill import rehearse_apart
from fleet.backup.restore import restore, settle
from fleet.costs.durable import DurableLedger, ledger_url
from fleet.dispatcher import declare
from fleet.dispatcher.handle import TaskHandle
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import connect, forget
from fleet.supervisor import valkey

TASKS = 100_000 if os.environ.get("FLEET_TEST_SCALE") == "full" else 1_000
WORD = SecretStr("a test's own passphrase")
UNFINISHED = ("held", "released", "running")


@contextmanager
def broker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[valkey.Broker]:
    """A broker of this test's own, which the process is pointed at."""
    started = valkey.start(folder)
    monkeypatch.setenv("FLEET_BROKER__URL", started.url)
    forget()
    forget_facts()
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait(timeout=10)
        forget()


class Work:
    """A worker that claims and ends tasks, and a producer that sends more, until told to stop; nothing is asserted in here."""

    def __init__(self, rig: Rig) -> None:
        self._rig, self._over = rig, threading.Event()
        self.ended = self.sent = 0
        self._threads = [threading.Thread(target=self._work), threading.Thread(target=self._produce)]

    def __enter__(self) -> Work:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _work(self) -> None:
        from fleet.dispatcher.claim import claim

        while not self._over.is_set():
            message = self._rig.take("a", wait_seconds=0.2)
            if message is not None and claim(message.task_id, message.attempt, "w").granted:
                self._rig.end(message)
                self.ended += 1

    def _produce(self) -> None:
        while not self._over.is_set():
            self._rig.submit(payload={"late": self.sent})
            self.sent += 1


def states(store: redis.Redis, prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for page in iter_pages(store, f"{prefix}task:*"):
        pipe = store.pipeline(transaction=False)
        for key in page:
            pipe.hget(key, "state")
        found |= dict(zip((key.removeprefix(f"{prefix}task:") for key in page), pipe.execute(), strict=True))
    return found


def iter_pages(store: redis.Redis, pattern: str) -> Iterator[list[str]]:
    cursor: int = 0
    while True:
        cursor, page = store.scan(cursor, match=pattern, count=2000)  # type: ignore[misc]
        yield page
        if not cursor:
            return


@pytest.mark.timeout(1200)
def test_everything_is_back_after_the_broker_and_its_disk_are_lost_under_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_STATE_DIR", str(tmp_path / "state"))
    pools = {"a": {"slots": 8, "price_per_replica_hour_usd": 3600.0}}
    with broker(tmp_path / "first", monkeypatch) as first:
        rig = build(connect(), tmp_path / "fleet.yaml", monkeypatch, pools)
        prefix = keys.prefix(current().cell)
        rig.worker("w", "a", 8)
        sent = [one for one in submit_many(TaskRequest("job", {"n": n}) for n in range(TASKS)) if isinstance(one, TaskHandle)]
        assert len(sent) == TASKS
        with Work(rig) as work:
            eventually(lambda: work.ended >= 50, 120)
            began = time.process_time(), time.monotonic()
            made = create(tmp_path / "backups", connect(decode=False), current(), WORD)
            took = time.process_time() - began[0], time.monotonic() - began[1]
        assert work.sent > 0
        before = states(rig.store, prefix)
        first.process.kill()
        first.process.wait(timeout=10)
    shutil.rmtree(tmp_path / "first")
    Path(ledger_url(current()).removeprefix("sqlite:///")).unlink(missing_ok=True)

    verdict = rehearse_apart(made.file, WORD, current().cell, valkey.start)
    assert verdict.ok, verdict
    with broker(tmp_path / "second", monkeypatch):
        settings = current()
        began = time.process_time(), time.monotonic()
        done = restore(made.file, WORD, connect(decode=False), settings.cell, files.places(settings))
        done = settle(connect(), settings.cell, ledger_url(settings), done)
        back = time.process_time() - began[0], time.monotonic() - began[1]
        server = connect().info("cpu")
        declare.publish()
        rig = Rig(connect(), prefix)
        after = states(rig.store, prefix)
        missing = [task.id for task in sent if before[task.id] in UNFINISHED and after.get(task.id) != "held"]
        assert missing == [], "every task that was submitted before the backup and unfinished at the loss is held again"
        assert rig.held() == sum(state == "held" for state in after.values())
        rig.check()
        durable = DurableLedger(ledger_url(settings))
        try:
            assert durable.total_micros() == done.ledger_micros == {row.what: row.expected for row in verdict.rows}["ledger in micro-dollars"]
        finally:
            durable.close()
        assert done.ledger_micros > 0
        rig.worker("v", "a", 4)
        assert rig.end(rig.start("a", "v")) == "done", "and the fleet works on"
    print(json.dumps({
        "tasks": len(before), "file_bytes": made.bytes, "backup_seconds": round(took[1], 2), "backup_cpu": round(took[0], 2),
        "restore_seconds": round(back[1], 2), "restore_cpu": round(back[0], 2),
        "server_cpu": server["used_cpu_user"] + server["used_cpu_sys"], "drill_seconds": verdict.seconds,
        "load": os.getloadavg()[0],
    }))  # fmt: skip
