"""Redis is lost: does the backup bring back every task, every budget and every micro-dollar, and do the tasks run?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from rig import Rig

from fleet.backup import files
from fleet.backup.create import Made, create
from fleet.backup.drill import rehearse
from fleet.backup.restore import in_use, restore, settle, verify
from fleet.backup.scope import LIVE
from fleet.backup.sealed import UnreadableBackup
from fleet.backup.shelf import Folder, listed
from fleet.costs.durable import DurableLedger, ledger_url
from fleet.costs.ledger import roll_up
from fleet.dispatcher import declare
from fleet.dispatcher.claim import claim
from fleet.errors import ConfigurationError, Conflict
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import connect

WORD = SecretStr("a test's own passphrase")
PRICED = {"a": {"price_per_replica_hour_usd": 3600.0}, "b": {}}


@pytest.fixture
def rig(declared: Callable[..., Rig]) -> Rig:
    return declared(pools=PRICED, task_types={"job": {"max_attempts": 1}})


def save(folder: Path) -> Made:
    return create(folder, connect(decode=False), current(), WORD)


def bring_back(file: Path) -> dict[str, int]:
    settings = current()
    done = restore(file, WORD, connect(decode=False), settings.cell, files.places(settings))
    settle(connect(), settings.cell, ledger_url(settings), done)
    declare.publish()
    return done.tasks


def ledger_micros() -> int:
    durable = DurableLedger(ledger_url(current()))
    try:
        roll_up(connect(), current().cell, durable)
        return durable.total_micros()
    finally:
        durable.close()


def test_after_the_loss_of_redis_and_disk_everything_is_back_and_runs(rig: Rig, tmp_path: Path) -> None:
    rig.worker("w", "a", 3)
    rig.submit()
    rig.end(rig.start("a", "w"))
    paid = ledger_micros()
    rig.submit()
    rig.end(rig.start("a", "w"))  # its entry is still in the stream
    rig.submit()
    rig.end(rig.start("a", "w"), "failed", reason="broken")
    running = [rig.submit() for _ in range(2)]
    overtaken = rig.start("a", "w")
    released = rig.submit()
    held = [rig.submit(payload={"n": n}) for n in range(5)]
    delayed = rig.submit(delay_seconds=3600)
    rig.store.hset(rig.key("pins"), "a", '{"replicas": 2}')
    before = {h.id: rig.state(h.id) for h in [*running, released, *held, delayed]}
    backup = save(tmp_path / "backups")
    total = ledger_micros()
    assert total > paid > 0

    rig.store.flushall()
    Path(ledger_url(current()).removeprefix("sqlite:///")).unlink()
    tasks = bring_back(backup.file)

    assert tasks["held"] == len(before) - 1
    assert tasks["delayed"] == 1
    assert ledger_micros() == total
    assert {rig.state(task) for task in before} == {"held"}
    assert rig.store.hget(rig.key("pins"), "a") == '{"replicas": 2}'
    assert rig.store.zscore(rig.key("delayed"), delayed.id)
    rig.check()
    rig.worker("v", "b", 20)
    assert not claim(overtaken.task_id, overtaken.attempt, "v").granted, "what ran before the loss is fenced off"
    ended = set()
    for _ in range(tasks["held"]):
        message = rig.start("b", "v")
        assert rig.end(message) == "done"
        ended.add(message.task_id)
    assert ended == set(before) - {delayed.id}
    rig.check()


def test_a_dead_letter_comes_back_as_one(rig: Rig, tmp_path: Path) -> None:
    from fleet.dispatcher import dead_letters

    handle = rig.submit(deadline_seconds=3600)
    rig.store.zadd(rig.key("deadlines"), {handle.id: 1})
    rig.tick()
    assert rig.state(handle.id) == "dead"
    backup = save(tmp_path)
    rig.store.flushall()
    assert bring_back(backup.file)["dead"] == 1
    assert [letter.task_id for letter in dead_letters.read()] == [handle.id]
    assert dead_letters.replay(handle.id) == "held"
    rig.worker("w", "a")
    rig.end(rig.start("a", "w"))
    assert rig.state(handle.id) == "done"
    rig.check()


def test_a_surviving_ledger_tells_the_budgets_what_the_backup_missed(
    declared: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = declared(pools=PRICED)
    rig.worker("w", "a")
    rig.submit()
    rig.end(rig.start("a", "w"))
    backup = save(tmp_path)
    rig.submit()
    rig.end(rig.start("a", "w"))
    total = ledger_micros()
    rig.store.flushall()
    bring_back(backup.file)
    assert ledger_micros() == total, "the newer ledger stays, and nothing is in it twice"


def test_a_cell_in_use_is_not_overwritten(rig: Rig, tmp_path: Path) -> None:
    backup = save(tmp_path)
    assert in_use(rig.store, current().cell) == ""
    rig.submit()
    with pytest.raises(Conflict, match="is in use"):
        restore(backup.file, WORD, connect(decode=False), current().cell, {})
    assert rig.held() == 1


def test_a_changed_cut_or_foreign_file_changes_nothing(rig: Rig, tmp_path: Path) -> None:
    rig.submit()
    backup = save(tmp_path)
    assert listed(Folder(tmp_path))[0]["sha256"] == backup.sha256
    assert verify(backup.file, WORD)["counts"]["tasks"] == 1
    with pytest.raises(UnreadableBackup, match="does not open"):
        verify(backup.file, SecretStr("another"))
    with pytest.raises(ConfigurationError, match="passphrase"):
        verify(backup.file, SecretStr(""))
    whole = backup.file.read_bytes()
    rig.store.flushall()
    for damaged in (whole[:-40], whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1]), b"{}\n" + whole):
        backup.file.write_bytes(damaged)
        with pytest.raises(UnreadableBackup):
            restore(backup.file, WORD, connect(decode=False), current().cell, {})
        assert rig.store.dbsize() == 0


def test_nothing_readable_is_in_the_file(rig: Rig, tmp_path: Path) -> None:
    rig.submit(payload={"text": "a-word-nobody-else-uses"})
    content = save(tmp_path).file.read_bytes()
    assert b"a-word-nobody-else-uses" not in content
    assert b"envelope" not in content


def test_the_drill_compares_what_it_restored(rig: Rig, tmp_path: Path) -> None:
    rig.worker("w", "a")
    rig.submit()
    rig.end(rig.start("a", "w"))
    for _ in range(3):
        rig.submit()
    backup = save(tmp_path)
    rig.store.flushall()
    verdict = rehearse(backup.file, WORD, connect(decode=False), connect(), current().cell, tmp_path)
    assert verdict.ok, verdict
    assert {row.what: row.found for row in verdict.rows}["unfinished tasks held, delayed or parked"] == 3


def test_what_is_left_out_is_declared() -> None:
    assert {key.suffix for key in keys.TABLE} >= LIVE
