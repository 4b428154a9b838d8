"""Do budgets, the ledger and the dispatcher's scripts agree about a task from submit to its end?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from fleet import catalogue, settings
from fleet.costs.budget_store import grant, show
from fleet.costs.budgets import Window
from fleet.costs.calls import Call, allow, most_it_costs, record_call
from fleet.costs.ledger import hot_entries
from fleet.costs.prices import Usage
from fleet.costs.reservations import held, holders
from fleet.dispatcher import declare, estimates
from fleet.dispatcher.claim import claim
from fleet.dispatcher.outcome import finish
from fleet.dispatcher.submit import submit
from fleet.dispatcher.ticking import tick
from fleet.registry import roster
from fleet.store import keys

CELL = "costs-dispatch"
CATALOGUE = """
settings: {costs: {price_set: reference}, llm: {provider: openai, model: gpt-5}}
pools: {code_generator: {agent_type: code_generator, slots: 4, price_per_replica_hour_usd: 3600}}
budgets:
  team: {tenants: [acme], limits_usd: {day: 0.05}, policy: pause}
"""


@pytest.fixture
def fleet(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    file = tmp_path / "fleet.yaml"
    file.write_text(CATALOGUE)
    monkeypatch.setenv("FLEET_CELL", CELL)
    monkeypatch.setenv("FLEET_FILE", str(file))
    caches = (settings.load, estimates.price_book, estimates._paid)
    for cache in caches:
        cache.cache_clear()
    catalogue.forget()
    declare.publish()
    roster.register("w1", "code_generator", 4, {})
    yield store
    for cache in caches:
        cache.cache_clear()
    catalogue.forget()


def audited(action: str, detail: object) -> None:
    assert action == "budget.grant", detail


def send(prompt: str = "add two numbers") -> str:
    return submit("code_generation", {"prompt": prompt}, tenant="acme").id


def run(store: redis.Redis, task: str, tokens: int) -> None:
    call = Call(f"{task}/1", task, "acme", "code_generation", "gpt-5", "openai", "code_generator")
    now = datetime.now(tz=UTC)
    most = most_it_costs(call, estimates.price_book(), now, input_tokens=tokens, max_output_tokens=tokens)
    assert allow(store, CELL, call, most).allowed
    record_call(store, CELL, call, Usage(tokens, tokens), estimates.price_book(), now)


def test_a_finished_task_holds_nothing_and_its_costs_are_in_the_books(fleet: redis.Redis) -> None:
    task = send()
    reservation = held(fleet, CELL, task)
    assert reservation is not None
    assert reservation.reserved > 0
    assert claim(task, 1, "w1").granted
    run(fleet, task, 1000)
    assert finish(task, 1, "done", "{}") == "done"
    assert holders(fleet, CELL) == []
    [fill] = show(fleet, CELL)
    assert (fill.spent, fill.reserved) == (8_000, 0)
    paid, pool = hot_entries(fleet, CELL)
    assert (paid.kind, paid.micros) == ("call", 8_000)
    assert (pool.kind, pool.provider, pool.ok) == ("replica", "code_generator", True)
    # 3600 USD per replica-hour over 4 slots: a quarter of a dollar a second, for some milliseconds.
    assert 0 < pool.micros < 250_000


def test_a_task_over_budget_is_parked_and_runs_after_a_grant(fleet: redis.Redis) -> None:
    first = send("a")
    assert claim(first, 1, "w1").granted
    run(fleet, first, 6_250)
    assert finish(first, 1, "done", "{}") == "done"
    second = send("b")
    assert fleet.hget(f"{keys.prefix(CELL)}task:{second}", "state") == "held"
    assert fleet.zscore(f"{keys.prefix(CELL)}parked", second) is not None
    grant(fleet, CELL, "team", Window.DAY, 50_000, audited)
    tick(0)
    assert fleet.zscore(f"{keys.prefix(CELL)}parked", second) is None
    assert claim(second, 1, "w1").granted
    assert held(fleet, CELL, second) is not None


def test_a_worker_that_dies_leaves_an_estimate_and_no_reservation(fleet: redis.Redis) -> None:
    task = send()
    assert claim(task, 1, "w1").granted
    call = Call(f"{task}/1", task, "acme", "code_generation", "gpt-5", "openai", "code_generator")
    now = datetime.now(tz=UTC)
    most = most_it_costs(call, estimates.price_book(), now, input_tokens=100, max_output_tokens=100)
    assert allow(fleet, CELL, call, most).allowed
    assert finish(task, 1, "lost", reason="worker fell silent") == "held"
    reservation = held(fleet, CELL, task)
    assert reservation is not None
    assert (reservation.committed, reservation.spent) == (0, most.micros)
    [entry] = [entry for entry in hot_entries(fleet, CELL) if entry.kind == "call"]
    assert (entry.estimated, entry.micros, entry.model) == (True, most.micros, "gpt-5")
    assert claim(task, 2, "w1").granted
    assert finish(task, 2, "failed", "{}", reason="gave up") == "failed"
    assert holders(fleet, CELL) == []


def test_a_task_that_must_wait_for_money_is_held_and_has_not_failed(fleet: redis.Redis) -> None:
    task, prefix = send(), keys.prefix(CELL)
    assert claim(task, 1, "w1").granted
    assert finish(task, 1, "back", reason="budget 'team' is spent", delay=30.0) == "back"
    record = fleet.hgetall(f"{prefix}task:{task}")
    assert (record["state"], record["reason"], record.get("failures", "0")) == ("held", "budget 'team' is spent", "0")
    assert fleet.zscore(f"{prefix}delayed", task) is not None
    assert fleet.hget(f"{prefix}inflight", "code_generator") == "0"
