"""Does the audit log keep every entry, in order, whoever writes at once, and notice who changes it?"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from fleet.errors import StoreUnavailable
from fleet.secrets import audit
from fleet.store import keys

CELL = "audit-test"


@pytest.fixture
def log(store: redis.Redis) -> redis.Redis:
    store.delete(keys.audit(CELL), keys.audit_head(CELL))
    return store


def record(log: redis.Redis, count: int, action: str = "budget.grant") -> None:
    for number in range(count):
        audit.record(action, f"target-{number}", actor="ada", source="test", client=log, cell=CELL)


def test_writers_at_once_make_one_chain(log: redis.Redis) -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(record, log, 25, f"writer.{n}") for n in range(8)]:
            done.result()
    verdict = audit.verify(log, CELL)
    assert (verdict.ok, verdict.checked) == (True, 200)
    by_writer = [entry.action for entry in audit.entries(log, CELL)]
    assert all(by_writer.count(f"writer.{n}") == 25 for n in range(8))
    assert [entry.seq for entry in audit.newest(3, log, CELL)] == [200, 199, 198]


def test_the_same_append_twice_makes_one_entry(log: redis.Redis) -> None:
    entry = audit.record("secret.read", "agents/a/llm", client=log, cell=CELL)
    from fleet.store.scripts import script

    repeat = [entry.previous, entry.seq, entry.hash, entry.as_json()]
    assert script("secrets/audit_append.lua")(log, [keys.prefix(CELL)], repeat) == [1]
    assert log.xlen(keys.audit(CELL)) == 1


def test_details_are_redacted(log: redis.Redis) -> None:
    detail = {"password": "canary-11", "note": "https://user:canary-22@host/", "version": 3}
    audit.record("login.refused", "gateway", outcome="denied", detail=detail, client=log, cell=CELL)
    stored = str(log.xrange(keys.audit(CELL)))
    assert "canary" not in stored
    assert '"version":"3"' in stored


@pytest.mark.parametrize("tamper", ["edit", "remove", "cut the end", "rewrite the end"])
def test_tampering_in_redis_is_found(log: redis.Redis, tamper: str) -> None:
    record(log, 9)
    stream = keys.audit(CELL)
    entry = json.loads(log.xrange(stream, "5-0", "5-0")[0][1]["entry"])
    match tamper:
        case "edit":
            kept = log.xrange(stream)
            log.delete(stream)
            for number, fields in kept:
                if number == "5-0":
                    fields["entry"] = json.dumps({**entry, "actor": "mallory"})
                log.xadd(stream, fields, id=number)
            broken = 5
        case "remove":
            log.xdel(stream, "5-0")
            broken = 5
        case "cut the end":
            log.xdel(stream, "8-0", "9-0")
            broken = 8
        case _:
            log.xdel(stream, "9-0")
            log.hset(keys.audit_head(CELL), mapping={"seq": 8, "hash": "f" * 64})
            broken = 9
    verdict = audit.verify(log, CELL)
    assert not verdict.ok
    assert verdict.broken_at == broken, verdict


def test_the_archive_continues_and_redis_forgets_only_what_is_archived(log: redis.Redis, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "audit.jsonl"
    for total in (10, 20, 30):
        record(log, 10)
        assert audit.archive(file, keep=5, client=log, cell=CELL).ok
        assert len(file.read_text().splitlines()) == total
        assert log.xlen(keys.audit(CELL)) == 5
        assert audit.verify(log, CELL).ok
        assert audit.verify_archive(file).checked == total
    assert file.stat().st_mode & 0o077 == 0


def test_an_archive_that_was_changed_or_cut_is_not_continued(log: redis.Redis, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    record(log, 10)
    audit.archive(file, keep=5, client=log, cell=CELL)
    whole = file.read_text()
    file.write_text("".join(whole.splitlines(keepends=True)[:3]))
    verdict = audit.archive(file, keep=5, client=log, cell=CELL)
    assert not verdict.ok
    assert verdict.broken_at == 4
    file.write_text(whole.replace("target-2", "target-X"))
    assert audit.verify_archive(file).broken_at == 3
    assert not audit.archive(file, keep=5, client=log, cell=CELL).ok
    file.write_text(whole)
    assert audit.archive(file, keep=5, client=log, cell=CELL).ok


def test_a_log_that_was_wiped_is_noticed_by_its_archive(log: redis.Redis, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    record(log, 10)
    audit.archive(file, client=log, cell=CELL)
    log.delete(keys.audit(CELL), keys.audit_head(CELL))
    record(log, 3)
    verdict = audit.archive(file, client=log, cell=CELL)
    assert not verdict.ok
    assert "Redis holds 1 to 3" in verdict.reason


def test_what_cannot_be_recorded_is_an_error() -> None:
    away = redis.Redis(port=1, socket_connect_timeout=0.2, decode_responses=True)
    with pytest.raises(StoreUnavailable):
        audit.record("drain.start", "worker-1", client=away, cell=CELL)
    away.close()
