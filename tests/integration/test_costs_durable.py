"""Is every cent kept by the durable ledger, in either database, whatever is away meanwhile?"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
import sqlalchemy as sql
from integration.postgresql import fresh_database
from integration.spending import BUDGETS, CELL, spend
from pydantic import SecretStr

from fleet.costs.budget_store import apply_catalogue, show
from fleet.costs.durable import DurableLedger, ledger_url
from fleet.costs.durable_database import LedgerUnavailable
from fleet.costs.entries import Entry
from fleet.costs.ledger import export, hot_entries, roll_up
from fleet.costs.trends import DAY_MS
from fleet.errors import ConfigurationError
from fleet.settings import Settings
from fleet.store import keys


@pytest.fixture
def client(store: redis.Redis) -> redis.Redis:
    for key in store.scan_iter(match=f"{keys.prefix(CELL)}*"):
        store.delete(key)
    return store


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Every promise of the durable ledger is kept by either database, on a real server."""
    return fresh_database() if request.param == "PostgreSQL" else f"sqlite:///{tmp_path / 'state' / 'ledger.db'}"


@pytest.fixture
def durable(database: str) -> Iterator[DurableLedger]:
    ledger = DurableLedger(database)
    yield ledger
    ledger.close()


def entry(call_id: str, at: int, micros: int = 10, estimated: bool = False) -> Entry:
    return Entry(call_id, at, "call", "a", 1, "t", "k", "g", "m", "p", 1, 2, 0, 0, micros, estimated, "o")


def test_the_ledger_outlives_redis_and_counts_nothing_twice(client: redis.Redis, durable: DurableLedger) -> None:
    for number in range(25):
        spend(client, number)
    total = sum(entry.micros for entry in hot_entries(client, CELL))
    assert roll_up(client, CELL, durable) == 25
    assert hot_entries(client, CELL) == []
    entries = list(durable.entries())
    for key in client.scan_iter(match=f"{keys.prefix(CELL)}*"):
        client.delete(key)
    durable.append(entries)
    assert durable.total_micros() == total == 25 * 8000
    spend(client, 3)
    roll_up(client, CELL, durable)
    assert durable.total_micros() == total


def test_a_lost_redis_is_no_second_budget(client: redis.Redis, durable: DurableLedger) -> None:
    apply_catalogue(client, CELL, BUDGETS)
    for number in range(5):
        spend(client, number, tokens=10_000)
    roll_up(client, CELL, durable)
    before = [(fill.budget, fill.window, fill.spent) for fill in show(client, CELL)]
    client.flushall()
    apply_catalogue(client, CELL, BUDGETS)
    spend(client, 99, tokens=100)
    assert roll_up(client, CELL, durable) == 1
    after = [(fill.budget, fill.window, fill.spent) for fill in show(client, CELL)]
    assert after == [(budget, window, spent + 800) for budget, window, spent in before]
    roll_up(client, CELL, durable)
    assert [(fill.budget, fill.window, fill.spent) for fill in show(client, CELL)] == after
    assert client.ttl(f"{keys.prefix(CELL)}budget:org:month:{show(client, CELL)[1].start}") > 0


def test_entries_stay_in_redis_while_the_durable_ledger_is_away(
    client: redis.Redis, durable: DurableLedger, database: str
) -> None:
    spend(client, 1)
    roll_up(client, CELL, durable)
    spend(client, 2)
    operator = sql.create_engine(database)
    with operator.begin() as other:
        other.exec_driver_sql("ALTER TABLE ledger RENAME TO away")
    with pytest.raises(LedgerUnavailable, match="entries stay in Redis"):
        roll_up(client, CELL, durable)
    assert [entry.call_id for entry in hot_entries(client, CELL)] == ["a/2"]
    with operator.begin() as other:
        other.exec_driver_sql("ALTER TABLE away RENAME TO ledger")
    operator.dispose()
    roll_up(client, CELL, durable)
    assert durable.total_micros() == 16_000


def test_programs_that_start_together_share_one_ledger(database: str) -> None:
    def write(number: int) -> int:
        ledger = DurableLedger(database)
        ledger.append([entry(f"c{n}", n) for n in range(number, number + 20)])
        total = ledger.total_micros()
        ledger.close()
        return total

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, (0, 10, 20, 30)))
    assert write(0) == 50 * 10


def test_a_database_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(LedgerUnavailable, match=r"fleet:\*\*\*@127\.0\.0\.1:1/ledger") as caught:
        DurableLedger("postgresql://fleet:hush@127.0.0.1:1/ledger")
    assert "hush" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="not a URL"):
        DurableLedger("hush")


def test_an_estimate_gives_way_to_the_exact_amount_and_never_the_other_way_round(durable: DurableLedger) -> None:
    for micros, estimated, expected in ((9, True, 9), (5, False, 5), (8, True, 5), (7, False, 5)):
        durable.append([entry("c", 1, micros, estimated)])
        assert durable.total_micros() == expected


def test_old_entries_become_daily_sums(durable: DurableLedger) -> None:
    durable.append([entry(f"c{number}", number % 4 * DAY_MS + number) for number in range(40)])
    assert durable.forget(2 * DAY_MS) == 20
    assert durable.forget(2 * DAY_MS) == 0
    assert durable.total_micros() == 400
    assert len(list(durable.entries())) == 20
    assert len(durable.columns(since=2 * DAY_MS)) == 20


def test_exports_are_exact_in_both_forms(client: redis.Redis, durable: DurableLedger) -> None:
    for number in range(5):
        spend(client, number, tokens=333)
    roll_up(client, CELL, durable)
    as_csv, as_lines = io.StringIO(), io.StringIO()
    assert export(durable.entries(), as_csv, "csv") == export(durable.entries(), as_lines, "jsonl") == 5
    rows = list(csv.DictReader(io.StringIO(as_csv.getvalue())))
    lines = [json.loads(line) for line in as_lines.getvalue().splitlines()]
    assert [row["usd"] for row in rows] == [line["usd"] for line in lines] == ["0.002664"] * 5
    assert sum(int(row["micros"]) for row in rows) == durable.total_micros()


def test_the_ledger_lives_in_sqlite_or_postgresql_and_nowhere_else(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    assert ledger_url(settings) == f"sqlite:///{tmp_path / 'ledger.db'}"
    with pytest.raises(ConfigurationError, match="mysql"):
        DurableLedger("mysql://localhost/ledger")
    other = settings.costs.model_copy(update={"ledger_url": SecretStr("postgresql://db/ledger")})
    assert ledger_url(settings.model_copy(update={"costs": other})) == "postgresql://db/ledger"
