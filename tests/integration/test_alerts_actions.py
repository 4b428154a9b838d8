"""Does every action act within its bounds, and does undoing it leave everything as it was?"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
import redis

from fleet.alerts.actions import register
from fleet.alerts.actions.plan import PoolView, Request, View
from fleet.alerts.rules import ActionCall
from fleet.costs.control_values import Change
from fleet.costs.controls import put_declared
from fleet.errors import NotFound
from fleet.scaling.orders import Order, Orders
from fleet.store import keys

CELL = "acting"
NOW = 2_000_000_000.0
POOLS = (
    PoolView("fast", "code_generator", ("code_generation",), 1, 10, ready=4, target=4),
    PoolView("slow", "security_scanner", ("security_analysis",), 0, 3, ready=3, target=3),
)
NAMES = ("scale_up", "immediate_intervention", "rate_limiting", "performance_investigation")


class Ledger:
    """An audit log that remembers, or refuses."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, str | None]] = []
        self.is_away = False

    def __call__(self, action: str, target: str, *, actor: str | None, detail: Mapping[str, object]) -> None:
        if self.is_away:
            raise OSError("the audit log is away")
        assert isinstance(detail, Mapping)
        self.entries.append((action, target, actor))


@pytest.fixture
def audit() -> Ledger:
    return Ledger()


@pytest.fixture
def cell(store: redis.Redis) -> redis.Redis:
    store.delete(*(store.keys(f"{keys.prefix(CELL)}*") or ["nothing"]))
    store.hset(keys.prefix(CELL) + "limits", mapping={"fleet": "1000 100000 0", "tenant:*": "500 0 7"})
    return store


def request(name: str, identity: str = "a1", at: float = NOW, **call: Any) -> Request:
    made = ActionCall(name=name, **call)  # type: ignore[arg-type]
    return Request(identity, made, "high_error_rate: too many failures", "ada", at, ({"agent_type": "code_generator"},))


def view(store: redis.Redis) -> View:
    prefix = keys.prefix(CELL)
    return View(NOW, POOLS, store.hgetall(prefix + "limits"), store.hgetall(prefix + "emergency"))  # type: ignore[arg-type]


def state(store: redis.Redis) -> dict[str, Any]:
    """Everything but what the actions keep about themselves."""
    prefix = keys.prefix(CELL)
    own = {prefix + "actions", prefix + "action_history"}
    return {
        key: store.hgetall(key) if store.type(key) == "hash" else store.get(key)
        for key in sorted(store.keys(prefix + "*"))  # type: ignore[type-var]
        if key not in own
    }


@pytest.mark.parametrize("name", NAMES)
def test_undone_leaves_the_state_as_before(cell: redis.Redis, audit: Ledger, name: str) -> None:
    before = state(cell)
    taken = register.take(cell, CELL, request(name), view(cell), audit, bundle="{}" if name.startswith("perf") else "")
    assert taken.in_force, taken.reason
    assert state(cell) != before
    results = register.undo(cell, CELL, "a1", "bob", audit, NOW + 5)
    assert {result["result"] for result in results} <= {"restored"}
    assert state(cell) == before
    assert [entry[0] for entry in audit.entries] == ["action.take", "action.undo"]
    assert [row["verb"] for row in register.past(cell, CELL, 10)] == ["undone", "taken"]


@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_changes_nothing(cell: redis.Redis, name: str) -> None:
    before = state(cell)
    planned = register.plan(request(name), view(cell))
    assert planned.summary
    assert state(cell) == before


@pytest.mark.parametrize("name", NAMES)
def test_time_ends_every_action(cell: redis.Redis, audit: Ledger, name: str) -> None:
    before = state(cell)
    register.take(cell, CELL, request(name, lasts=60), view(cell), audit)
    assert register.sweep(cell, CELL, NOW + 59, audit) == []
    assert register.sweep(cell, CELL, NOW + 60, audit) == ["a1"]
    assert state(cell) == before
    assert register.active(cell, CELL) == []


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_recorded_does_not_happen(cell: redis.Redis, audit: Ledger, name: str) -> None:
    before = state(cell)
    audit.is_away = True
    with pytest.raises(OSError, match="audit log is away"):
        register.take(cell, CELL, request(name), view(cell), audit)
    assert state(cell) == before
    assert register.active(cell, CELL) == []


def test_the_same_request_is_taken_once(cell: redis.Redis, audit: Ledger) -> None:
    first = register.take(cell, CELL, request("rate_limiting"), view(cell), audit)
    limits = cell.hgetall(keys.prefix(CELL) + "limits")
    again = register.take(cell, CELL, request("rate_limiting"), view(cell), audit)
    assert first.in_force
    assert again.in_force
    assert cell.hgetall(keys.prefix(CELL) + "limits") == limits == {"fleet": "500 50000 0", "tenant:*": "250 0 3"}


def test_floors_are_what_scaling_reads(cell: redis.Redis, audit: Ledger) -> None:
    register.take(cell, CELL, request("scale_up", replicas=50), view(cell), audit)
    floors = Orders(cell, CELL).floors(NOW + 1)
    assert list(floors) == ["fast"]
    assert (floors["fast"].replicas, floors["fast"].until) == (6, NOW + 1800), "at most half of what the pool has"
    assert Orders(cell, CELL).floors(NOW + 1800) == {}


def test_a_floor_an_operator_set_comes_back(cell: redis.Redis, audit: Ledger) -> None:
    mine = Order("fast", 5, "ada", "launch", NOW)
    Orders(cell, CELL).raise_floor(mine)
    register.take(cell, CELL, request("scale_up"), view(cell), audit)
    assert Orders(cell, CELL).floors(NOW + 1)["fast"] != mine
    register.undo(cell, CELL, "a1", "bob", audit, NOW + 5)
    assert Orders(cell, CELL).floors(NOW + 1) == {"fast": mine}


def test_emergency_ends_even_if_nobody_is_left_to_end_it(cell: redis.Redis, audit: Ledger) -> None:
    at = float(cell.time()[0])  # type: ignore[index]
    register.take(cell, CELL, request("immediate_intervention", at=at, lasts=86_400), view(cell), audit)
    left = cell.ttl(keys.prefix(CELL) + "emergency")
    assert 0 < left <= 4 * 3600 + 1  # type: ignore[operator]


def test_blast_radius_is_bounded(cell: redis.Redis, audit: Ledger) -> None:
    assert register.take(cell, CELL, request("rate_limiting", "r1"), view(cell), audit).in_force
    assert register.take(cell, CELL, request("rate_limiting", "r2"), view(cell), audit).in_force
    third = register.take(cell, CELL, request("rate_limiting", "r3"), view(cell), audit)
    assert not third.in_force
    assert "undo one first" in third.reason


@pytest.mark.parametrize("seed", range(25))
def test_any_order_of_undoing_leaves_the_state_as_before(cell: redis.Redis, audit: Ledger, seed: int) -> None:
    chance = random.Random(seed)
    before = state(cell)
    taken = []
    for number in range(8):
        name = chance.choice(("scale_up", "rate_limiting", "immediate_intervention"))
        call = {"admitted_share": 0.3 - number / 100, "lasts": 1800 + 60 * number}
        done = register.take(cell, CELL, request(name, f"n{number}", **call), view(cell), audit)
        if done.in_force:
            taken.append(done.id)
        if taken and chance.random() < 0.4:
            register.undo(cell, CELL, taken.pop(chance.randrange(len(taken))), "bob", audit, NOW + number)
    chance.shuffle(taken)
    for identity in taken:
        register.undo(cell, CELL, identity, "bob", audit, NOW + 100)
    assert state(cell) == before


def test_what_somebody_else_changed_since_is_left_alone(cell: redis.Redis, audit: Ledger) -> None:
    register.take(cell, CELL, request("rate_limiting"), view(cell), audit)
    cell.hset(keys.prefix(CELL) + "limits", "fleet", "42 42 42")
    results = {row["field"]: row["result"] for row in register.undo(cell, CELL, "a1", "bob", audit, NOW)}
    assert results == {"fleet": "changed", "tenant:*": "restored"}
    assert cell.hget(keys.prefix(CELL) + "limits", "fleet") == "42 42 42"


@pytest.mark.parametrize("declared", ["1000 100000 0", "800 80000 0", None])
def test_what_the_file_declares_waits_until_the_action_is_over(cell: redis.Redis, audit: Ledger, declared: str | None) -> None:
    """Every worker that joins puts the declared limits in force."""
    limits = keys.prefix(CELL) + "limits"
    for name in ("r1", "r2"):
        register.take(cell, CELL, request("rate_limiting", name), view(cell), audit)
    put_declared(cell, CELL, [Change("limits", "fleet", declared), Change("limits", "model:*", "9 9 9")])
    assert cell.hgetall(limits) == {"fleet": "250 25000 0", "tenant:*": "125 0 1", "model:*": "9 9 9"}
    register.undo(cell, CELL, "r1", "bob", audit, NOW + 5)
    put_declared(cell, CELL, [Change("limits", "fleet", declared)])
    assert cell.hget(limits, "fleet") == "250 25000 0"
    register.undo(cell, CELL, "r2", "bob", audit, NOW + 6)
    assert cell.hget(limits, "fleet") == declared
    assert cell.hget(limits, "tenant:*") == "500 0 7"


def test_bundles_outlive_their_action_unless_undone(cell: redis.Redis, audit: Ledger) -> None:
    text = orjson.dumps({"pools": []}).decode()
    register.take(cell, CELL, request("performance_investigation", lasts=60), view(cell), audit, bundle=text)
    register.sweep(cell, CELL, NOW + 61, audit)
    assert register.bundle(cell, CELL, "a1") == {"pools": []}
    with pytest.raises(NotFound, match="7 days"):
        register.bundle(cell, CELL, "other")


def test_unknown_actions_say_what_to_do(cell: redis.Redis, audit: Ledger) -> None:
    with pytest.raises(NotFound, match="fleet actions list"):
        register.undo(cell, CELL, "nope", "bob", audit, NOW)


@pytest.mark.parametrize(
    ("name", "pools", "limits", "reason"),
    [
        ("scale_up", (), {}, "no pool runs code_generator"),
        ("scale_up", (PoolView("full", "code_generator", (), 0, 4, 4, 4),), {}, "at its maximum"),
        ("rate_limiting", POOLS, {}, "no limit is set"),
    ],
)
def test_refusals_say_why(name: str, pools: tuple[PoolView, ...], limits: dict[str, str], reason: str) -> None:
    assert reason in register.plan(request(name), View(NOW, pools, limits)).refused
