"""Do caps and ledger hold when workers are killed at random, repeat themselves, and the provider bills what it likes?

Real processes against the real broker; the provider keeps a log of its own, and that log is the truth.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import redis

from fleet.costs.budget_store import apply_catalogue, show
from fleet.costs.budgets import parse_budgets
from fleet.costs.calls import Call, allow, most_it_costs, record_call
from fleet.costs.durable import DurableLedger
from fleet.costs.ledger import roll_up
from fleet.costs.prices import Price, Usage
from fleet.costs.pricing import PriceBook
from fleet.costs.reconcile import reconcile
from fleet.costs.reservations import Wanted, holders, release, reserve, sweep
from fleet.store import keys

CELL = "costs-fire"
P = keys.prefix(CELL)
BOOK = PriceBook((Price("m", Decimal("0.001"), Decimal("0.002"), "test prices"),))
INPUT, MOST_OUTPUT = 1000, 2000
ATTEMPTS = 4
LONGEST_MICROS = 2 * (1000 + 2 * MOST_OUTPUT)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that bills every request it answers, once per request id, and writes that down before it replies."""

    log: Path

    def answer(self, call_id: str) -> Usage:
        draw = random.Random(call_id)
        usage = Usage(INPUT, draw.randint(1, MOST_OUTPUT))
        with self.log.open("ab", buffering=0) as file:
            file.write(json.dumps([call_id, usage.input_tokens, usage.output_tokens]).encode() + b"\n")
        return usage

    def billed(self) -> dict[str, Usage]:
        rows = [json.loads(line) for line in self.log.read_bytes().splitlines()] if self.log.exists() else []
        return {call_id: Usage(into, out) for call_id, into, out in rows}


def worker(url: str, provider: Provider, seed: int, number: int, deadly: float) -> None:
    """Take tasks until none is left; die by SIGKILL at random between any two steps."""
    client = redis.Redis.from_url(url, decode_responses=True)
    draw = random.Random(f"{seed}/{number}")
    doing = f"{P}doing:{number}"

    def maybe_die() -> None:
        if draw.random() < deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    while task := client.lmove(f"{P}todo", doing, "LEFT", "RIGHT"):
        [verdict] = reserve(client, CELL, [Wanted(task, "t", "k", estimate=LONGEST_MICROS)])
        if verdict.status == "wait":
            client.rpush(f"{P}todo", task)
        elif not verdict.allowed:
            client.hset(f"{P}refused", task, verdict.reason)
        else:
            attempt = client.hincrby(f"{P}attempts", task, 1)
            maybe_die()
            if not run(client, provider, draw, task, attempt, maybe_die):
                client.hset(f"{P}refused", task, "while running")
            client.hset(f"{P}task:{task}", "state", "done")
            maybe_die()
            release(client, CELL, [task])
        client.lrem(doing, 1, task)


def run(
    client: redis.Redis, provider: Provider, draw: random.Random, task: str, attempt: int, maybe_die: Callable[[], None]
) -> bool:
    for number in range(random.Random(task).randint(1, 2)):
        call = Call(f"{task}/{attempt}/{number}", task, "t", "k", "m", "p", attempt=attempt)
        most = most_it_costs(call, BOOK, datetime.now(tz=UTC), input_tokens=INPUT, max_output_tokens=MOST_OUTPUT)
        if not allow(client, CELL, call, most).allowed:
            return False
        maybe_die()
        usage = provider.answer(call.call_id)
        maybe_die()
        for _ in range(draw.choice((1, 1, 2))):
            record_call(client, CELL, call, usage, BOOK, datetime.now(tz=UTC))
        maybe_die()
    return True


def fleet_of(url: str, provider: Provider, seed: int, deadly: float) -> None:
    """Keep four workers alive until the work is done; what a dead one was doing is done again, a few times."""
    client = redis.Redis.from_url(url, decode_responses=True)
    alive: dict[int, BaseProcess] = {}
    started = 0
    try:
        while alive or client.llen(f"{P}todo"):
            while len(alive) < 4 and client.llen(f"{P}todo"):
                started += 1
                process = get_context("fork").Process(target=worker, args=(url, provider, seed, started, deadly))
                process.start()
                alive[started] = process
            wait([process.sentinel for process in alive.values()])
            for number, process in [(n, p) for n, p in alive.items() if not p.is_alive()]:
                process.join()
                del alive[number]
                for task in client.lrange(f"{P}doing:{number}", 0, -1):
                    again = int(client.hget(f"{P}attempts", task) or 0) < ATTEMPTS
                    client.hset(f"{P}task:{task}", "state", "held" if again else "dead")
                    if again:
                        client.rpush(f"{P}todo", task)
                    else:
                        release(client, CELL, [task])
                client.delete(f"{P}doing:{number}")
    finally:
        for process in alive.values():
            process.kill()
        client.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[DurableLedger]:
    durable = DurableLedger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield durable
    durable.close()


@pytest.mark.parametrize("seed", [1])
def test_a_thousand_tasks_on_a_budget_for_three_hundred(
    store: redis.Redis, redis_server: str, tmp_path: Path, ledger: DurableLedger, seed: int
) -> None:
    tasks = [f"task{seed}-{i}" for i in range(1000)]
    cap_usd = Decimal(300 * 4500).scaleb(-6)
    for key in store.scan_iter(match=f"{P}*"):
        store.delete(key)
    apply_catalogue(
        store, CELL, parse_budgets([{"name": "org", "level": "organisation", "limits_usd": {"day": cap_usd}}])
    )
    store.rpush(f"{P}todo", *tasks)
    provider = Provider(tmp_path / "bills.jsonl")

    fleet_of(redis_server, provider, seed, deadly=0.01)

    # Leases end: whoever died holds nothing any more.
    sweep(store, CELL, older_than_seconds=0, most=10_000)
    assert holders(store, CELL) == []
    [window] = show(store, CELL)
    assert window.reserved == 0
    assert window.spent <= window.limit
    # Nobody was turned away while the cheapest of all tasks still fitted.
    refused = store.hgetall(f"{P}refused")
    assert refused
    assert window.limit - window.spent < 2 * LONGEST_MICROS

    # The provider's log settles what died between the bill and the record.
    roll_up(store, CELL, ledger)
    billed = provider.billed()
    reconcile(store, CELL, list(ledger.entries()), billed, BOOK, datetime.now(tz=UTC))
    roll_up(store, CELL, ledger)
    truth = sum(1000 + 2 * usage.output_tokens for usage in billed.values())
    assert ledger.total_micros() == truth
    [window] = show(store, CELL)
    assert window.spent == truth
    assert sum(entry.micros for entry in ledger.entries()) == truth


def test_workers_that_repeat_and_die_leave_a_ledger_equal_to_the_bill(
    store: redis.Redis, redis_server: str, tmp_path: Path, ledger: DurableLedger
) -> None:
    for key in store.scan_iter(match=f"{P}*"):
        store.delete(key)
    store.rpush(f"{P}todo", *[f"task{i}" for i in range(300)])
    provider = Provider(tmp_path / "bills.jsonl")
    fleet_of(redis_server, provider, seed=3, deadly=0.03)
    sweep(store, CELL, older_than_seconds=0, most=10_000)
    roll_up(store, CELL, ledger)
    billed = provider.billed()
    first = reconcile(store, CELL, list(ledger.entries()), billed, BOOK, datetime.now(tz=UTC))
    assert first.corrected + first.never_billed > 0
    roll_up(store, CELL, ledger)
    again = reconcile(store, CELL, list(ledger.entries()), billed, BOOK, datetime.now(tz=UTC))
    assert (again.corrected, again.delta) == (0, 0)
    recorded = {entry.call_id: entry.micros for entry in ledger.entries() if entry.micros}
    assert recorded == {call_id: 1000 + 2 * usage.output_tokens for call_id, usage in billed.items()}
