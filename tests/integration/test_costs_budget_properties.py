"""Do the budget scripts keep every cap, whatever order of events, crashes and window changes they meet?"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from fleet.costs.budgets import parse_budgets, routes
from fleet.store import keys
from fleet.store.scripts import source

CELL = "costs-test"
P = keys.prefix(CELL)
HOUR = 3_600_000
LIMITS = {"org": {"hour": 100, "month": 5000}, "team": {"hour": 60, "task": 25}}
BUDGETS = parse_budgets(
    [
        {"name": "org", "level": "organisation", "limits_usd": {w: v / 1e6 for w, v in LIMITS["org"].items()}},
        {
            "name": "team",
            "parent": "org",
            "tenants": ["t"],
            "limits_usd": {w: v / 1e6 for w, v in LIMITS["team"].items()},
            "policy": "defer",
        },
    ]
)

# The functions under test, called with a clock that the test moves: windows end when it says so.
OWN_TEXT = re.compile(r"^--@include.*$", re.MULTILINE)
STEP = (
    source("costs/budget_release.lua")
    + OWN_TEXT.sub("", files("fleet").joinpath("costs/budget_ensure.lua").read_text())
    + """
local request, now = cjson.decode(ARGV[2]), tonumber(ARGV[3])
if ARGV[1] == 'abandon' then request = request.task end
return cjson.encode(budget[ARGV[1]](KEYS[1], request, now) or false)
"""
)


def forget(client: redis.Redis) -> None:
    for key in client.scan_iter(match=f"{P}*"):
        client.delete(key)


class Budgets:
    """The scripts on one broker, at a time of the test's choosing."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        forget(client)
        self.now = int(client.time()[0]) * 1000
        client.hset(f"{P}budget_routes", mapping=routes(BUDGETS))
        self.digest = client.script_load(STEP)

    def step(self, verb: str, **request: Any) -> Any:
        return json.loads(self.client.evalsha(self.digest, 1, P, verb, json.dumps(request), self.now))

    def reserve(self, task: str, estimate: int, tenant: str = "t") -> dict[str, Any]:
        return dict(self.step("reserve", task=task, tenant=tenant, type="k", estimate=estimate))

    def ensure(self, task: str, call: str, amount: int, tenant: str = "t") -> dict[str, Any]:
        entry = json.dumps({"tenant": tenant, "type": "k", "kind": "call", "agent": "a", "model": "m"})
        return dict(self.step("ensure", task=task, call=call, amount=amount, tenant=tenant, type="k", entry=entry))

    def settle(self, task: str, call: str, micros: int, tenant: str = "t") -> dict[str, Any]:
        entry = {"task": task, "call": call, "micros": micros, "tenant": tenant, "type": "k", "kind": "call"}
        return dict(self.step("settle", **entry, agent="a", model="m", input=1, output=1, estimated=False))

    def windows(self) -> dict[str, dict[str, int]]:
        return {
            key.removeprefix(P): {field: int(value) for field, value in self.client.hgetall(key).items()}
            for key in self.client.scan_iter(match=f"{P}budget:*")
        }

    def records(self) -> dict[str, dict[str, str]]:
        head = f"{P}reservation:"
        return {k.removeprefix(head): self.client.hgetall(k) for k in self.client.scan_iter(match=f"{head}*")}

    def ledger_micros(self) -> int:
        return sum(int(row["delta"]) for _, row in self.client.xrange(f"{P}ledger"))


class BudgetMachine(RuleBasedStateMachine):
    """Any sequence of what dispatchers and workers do; `client` is set by the test."""

    client: redis.Redis
    tasks = Bundle("tasks")
    calls = Bundle("calls")

    @initialize()
    def start(self) -> None:
        self.budgets = Budgets(self.client)
        self.number = 0
        self.granted: dict[str, int] = {}

    def fresh(self) -> int:
        self.number += 1
        return self.number

    @rule(target=tasks, estimate=st.integers(0, 40), tenant=st.sampled_from(["t", "other"]))
    def reserve(self, estimate: int, tenant: str) -> Any:
        task = f"task{self.fresh()}"
        verdict = self.budgets.reserve(task, estimate, tenant)
        if estimate == 0:
            assert verdict["status"] == "ok", "a free task was blocked"
        if verdict["status"] != "ok":
            assert verdict["budget"]
            return multiple()
        assert self.budgets.reserve(task, estimate, tenant)["amount"] == verdict["amount"]
        return (task, tenant)

    @rule(target=calls, task=tasks, amount=st.integers(0, 30))
    def ensure(self, task: tuple[str, str], amount: int) -> Any:
        call = f"call{self.fresh()}"
        verdict = self.budgets.ensure(task[0], call, amount, task[1])
        if amount == 0:
            assert verdict["status"] == "ok", "a free model was blocked"
        return (task, call, amount, self.budgets.now) if verdict["status"] == "ok" else multiple()

    @rule(call=consumes(calls), share=st.floats(0, 1), repeats=st.integers(1, 3))
    def settle(self, call: tuple[tuple[str, str], str, int, int], share: float, repeats: int) -> None:
        (task, tenant), call_id, amount, allowed_at = call
        if self.budgets.now - allowed_at > 24 * HOUR:
            return  # Redis knows a call for two days: what comes later is for the durable ledger alone.
        cost = round(amount * share)
        first = self.budgets.settle(task, call_id, cost, tenant)
        for _ in range(repeats - 1):
            again = self.budgets.settle(task, call_id, cost, tenant)
            assert again == {"status": "duplicate", "micros": cost, "delta": 0}
        assert first["status"] in ("recorded", "corrected")

    @rule(task=tasks)
    def worker_dies(self, task: tuple[str, str]) -> None:
        self.budgets.step("abandon", task=task[0])

    @rule(task=tasks, keep=st.booleans())
    def release(self, task: tuple[str, str], keep: bool) -> None:
        self.budgets.step("release", task=task[0], keep=keep)
        assert self.budgets.step("release", task=task[0], keep=keep) == 0

    @rule(milliseconds=st.sampled_from([1000, HOUR // 2, HOUR, 30 * 24 * HOUR]))
    def time_passes(self, milliseconds: int) -> None:
        self.budgets.now += milliseconds

    @invariant()
    def no_window_is_overspent(self) -> None:
        for name, window in self.budgets.windows().items():
            _, budget, kind, _ = name.split(":")
            limit = LIMITS[budget][kind]
            assert 0 <= window.get("spent", 0) <= limit, name
            assert window.get("reserved", 0) >= 0, name
            assert window.get("spent", 0) + window.get("reserved", 0) <= limit, name
            assert "overrun" not in window

    @invariant()
    def no_task_passes_its_own_cap(self) -> None:
        for record in self.budgets.records().values():
            if record.get("tenant") == "t":
                assert int(record["spent"]) + int(record.get("reserved", 0)) <= LIMITS["team"]["task"]

    @invariant()
    def what_windows_reserve_is_what_tasks_hold(self) -> None:
        held: dict[str, int] = {}
        for record in self.budgets.records().values():
            assert int(record.get("reserved", 0)) >= int(record.get("committed", 0)) >= 0
            for key in filter(None, record.get("keys", "").split("\n")):
                held[key.removeprefix(P)] = held.get(key.removeprefix(P), 0) + int(record["reserved"])
        for name, window in self.budgets.windows().items():
            assert window.get("reserved", 0) == held.get(name, 0), name

    @invariant()
    def every_micro_dollar_is_in_the_ledger_and_in_the_windows(self) -> None:
        ledger = self.budgets.ledger_micros()
        for kind in ("hour", "month"):
            spent = sum(w.get("spent", 0) for n, w in self.budgets.windows().items() if f"org:{kind}" in n)
            assert spent == ledger

    def teardown(self) -> None:
        if not hasattr(self, "budgets"):
            return
        for task in self.budgets.records():
            self.budgets.step("release", task=task)
        assert all(window.get("reserved", 0) == 0 for window in self.budgets.windows().values())
        assert self.client.zcard(f"{P}reservations") == 0


quick = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_no_order_of_events_breaks_a_budget(store: redis.Redis) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    machine = type("Machine", (BudgetMachine,), {"client": store})
    run_state_machine_as_test(machine, settings=quick)


@settings(parent=quick, max_examples=80)
@given(
    costs=st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=3), min_size=1, max_size=30),
    estimate=st.integers(1, 60),
    spare=st.integers(0, 5),
    choices=st.randoms(use_true_random=False),
)
def test_no_task_is_refused_while_all_true_costs_fit(
    store: redis.Redis, costs: list[list[int]], estimate: int, spare: int, choices: Any
) -> None:
    total = sum(map(sum, costs))
    budgets = Budgets(store)
    store.delete(f"{P}budget_routes")
    store.hset(f"{P}budget_routes", "*\n*", json.dumps([["org", "month", total + spare, "refuse", 80]]))
    waiting = [f"task{i}" for i in range(len(costs))]
    todo = {task: list(enumerate(calls)) for task, calls in zip(waiting, costs, strict=True)}
    running: list[str] = []
    turns = 0
    while waiting or running:
        turns += 1
        assert turns < 4000, "tasks wait for each other for ever"
        task = choices.choice(waiting + running)
        if task in waiting:
            verdict = budgets.reserve(task, estimate)
            assert verdict["status"] in ("ok", "wait"), verdict
            if verdict["status"] == "ok":
                waiting.remove(task)
                running.append(task)
            continue
        number, cost = todo[task][0]
        verdict = budgets.ensure(task, f"{task}-{number}", cost)
        assert verdict["status"] in ("ok", "wait"), verdict
        if verdict["status"] == "wait":
            continue
        budgets.settle(task, f"{task}-{number}", cost)
        todo[task].pop(0)
        if not todo[task]:
            budgets.step("release", task=task)
            running.remove(task)
    [window] = budgets.windows().values()
    assert (window["spent"], window["reserved"]) == (total, 0)


def test_thresholds_fire_once_per_window_and_in_order(store: redis.Redis) -> None:
    budgets = Budgets(store)
    for number in range(10):
        budgets.reserve(f"task{number}", 6)
        budgets.ensure(f"task{number}", f"call{number}", 6)
        budgets.settle(f"task{number}", f"call{number}", 6)
        budgets.step("release", task=f"task{number}")
    fired = [
        (row["budget"], row["window"], int(row["threshold"]))
        for _, row in store.xrange(f"{P}cost_events")
        if row["kind"] == "threshold"
    ]
    assert [t for b, w, t in fired if (b, w) == ("team", "hour")] == [50, 80, 90, 100]
    assert [t for b, w, t in fired if (b, w) == ("org", "hour")] == [50]
    assert len(fired) == len(set(fired))
    verdict = budgets.reserve("late", 6)
    assert (verdict["status"], verdict["budget"]) == ("defer", "team")
    budgets.now += verdict["retry_after_ms"]
    assert budgets.reserve("late", 6)["status"] == "ok"


def test_a_late_exact_amount_corrects_the_estimate_of_a_crash(store: redis.Redis) -> None:
    budgets = Budgets(store)
    budgets.reserve("task", 20)
    budgets.ensure("task", "call", 10)
    budgets.step("abandon", task="task")
    assert budgets.windows()[min(budgets.windows())]["spent"] == 10
    assert budgets.settle("task", "call", 4) == {"status": "corrected", "micros": 4, "delta": -6}
    assert budgets.settle("task", "call", 4)["status"] == "duplicate"
    assert {window["spent"] for window in budgets.windows().values()} == {4}
    assert budgets.ledger_micros() == 4


def test_a_free_model_works_over_budget_and_its_paid_fallback_does_not(store: redis.Redis) -> None:
    budgets = Budgets(store)
    for number in range(3):
        budgets.reserve(f"big{number}", 20)
        budgets.ensure(f"big{number}", f"call{number}", 20)
        budgets.settle(f"big{number}", f"call{number}", 20)
    assert budgets.reserve("paid", 5)["status"] == "defer"
    assert budgets.reserve("free", 0)["status"] == "ok"
    assert budgets.ensure("free", "free-call", 0)["status"] == "ok"
    assert budgets.ensure("free", "paid-fallback", 5)["status"] == "defer"


def test_the_reservation_of_a_known_task_type_is_its_learned_p95(store: redis.Redis) -> None:
    budgets = Budgets(store)
    store.delete(f"{P}budget_routes")
    for number in range(100):
        cost = 1000 if number % 10 else 5000
        budgets.reserve(f"task{number}", 1)
        budgets.ensure(f"task{number}", f"call{number}", cost)
        budgets.settle(f"task{number}", f"call{number}", cost)
        budgets.step("release", task=f"task{number}")
    amount = budgets.reserve("next", 1)["amount"]
    assert 5000 <= amount <= 5000 * 1.1**2
    assert store.hlen(f"{P}estimate:k") < 10


@pytest.mark.parametrize("day", ["1970-01-01", "2024-02-29", "2026-02-28", "2026-12-31", "2100-03-01", "2399-12-31"])
def test_the_calendar_in_lua_is_the_calendar(store: redis.Redis, day: str) -> None:
    from calendar import monthrange
    from datetime import UTC, datetime, timedelta

    moment = datetime.fromisoformat(f"{day}T23:59:59").replace(tzinfo=UTC)
    text = source("costs/calendar.lua") + " return cjson.encode(calendar(tonumber(ARGV[1])))"
    windows = json.loads(store.eval(text, 0, int(moment.timestamp() * 1000)))
    first = moment.replace(day=1, hour=0, minute=0, second=0)
    next_month = first + timedelta(days=monthrange(moment.year, moment.month)[1])
    assert windows["hour"]["id"] == f"{day}T23"
    assert windows["day"] == {"id": day, "ends": (int(moment.timestamp()) + 1) * 1000}
    assert windows["month"] == {"id": day[:7], "ends": int(next_month.timestamp()) * 1000}
