"""After a restore, do budgets know every micro-dollar: what was reserved, parked, and spent since the backup?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from rig import Rig

from fleet.backup import files
from fleet.backup.create import create
from fleet.backup.restore import Restored, restore, settle
from fleet.costs.budget_store import grant, show
from fleet.costs.budgets import Window
from fleet.costs.calls import Call, allow, most_it_costs, record_call
from fleet.costs.durable import DurableLedger, ledger_url
from fleet.costs.ledger import roll_up
from fleet.costs.prices import Usage
from fleet.costs.reservations import held
from fleet.dispatcher import declare, estimates
from fleet.settings import current
from fleet.store.client import connect

WORD = SecretStr("a test's own passphrase")
CATALOGUE = """
settings: {costs: {price_set: reference}, llm: {provider: openai, model: gpt-5}}
budgets: {team: {tenants: [acme], limits_usd: {day: 0.05}, policy: pause}}
"""


@pytest.fixture
def rig(declared: Callable[..., Rig], tmp_path: Path) -> Rig:
    from conftest import forget_facts

    rig = declared()
    (tmp_path / "fleet.yaml").write_text(CATALOGUE)
    forget_facts()
    declare.publish()
    rig.worker("w", "code_generator", 1)
    return rig


def send(rig: Rig) -> str:
    return rig.submit("code_generation", {"prompt": "add two numbers"}, tenant="acme").id


def pay(task: str, number: int, tokens: int) -> None:
    client, cell, now = connect(), current().cell, datetime.now(tz=UTC)
    call = Call(f"{task}/{number}", task, "acme", "code_generation", "gpt-5", "openai", "code_generator")
    most = most_it_costs(call, estimates.price_book(), now, input_tokens=tokens, max_output_tokens=tokens)
    assert allow(client, cell, call, most).allowed
    record_call(client, cell, call, Usage(tokens, tokens), estimates.price_book(), now)


def spent() -> int:
    return show(connect(), current().cell)[0].spent


def booked() -> int:
    durable = DurableLedger(ledger_url(current()))
    try:
        roll_up(connect(), current().cell, durable)
        return durable.total_micros()
    finally:
        durable.close()


def bring_back(file: Path) -> Restored:
    settings = current()
    done = restore(file, WORD, connect(decode=False), settings.cell, files.places(settings))
    done = settle(connect(), settings.cell, ledger_url(settings), done)
    declare.publish()
    return done


def test_reserved_parked_and_later_spent_money_is_all_there(rig: Rig, tmp_path: Path) -> None:
    running = send(rig)
    assert rig.start("code_generator", "w").task_id == running
    pay(running, 1, 100)
    waiting = [send(rig)]
    while not rig.store.zcard(rig.key("parked")):
        waiting.append(send(rig))
    parked = set(rig.store.zrange(rig.key("parked"), 0, -1))
    before = held(rig.store, current().cell, running)
    backup = create(tmp_path / "backups", connect(decode=False), current(), WORD)
    at_backup = spent()
    pay(running, 2, 200)
    total, known = booked(), spent()
    assert known > at_backup

    rig.store.flushall()
    done = bring_back(backup.file)

    assert sum(done.raised_windows.values()) == known - at_backup
    assert spent() == known
    assert booked() == total
    assert set(rig.store.zrange(rig.key("parked"), 0, -1)) == parked
    assert held(rig.store, current().cell, running) == before
    rig.tick()
    assert set(rig.store.zrange(rig.key("parked"), 0, -1)) == parked, "an empty budget is still empty"
    grant(rig.store, current().cell, "team", Window.DAY, 1_000_000, lambda *_: None)
    rig.tick()
    assert not rig.store.zcard(rig.key("parked"))
    assert {rig.state(task) for task in [running, *waiting]} == {"held"}
    rig.check()
