"""Do the budget scripts keep every cap, whatever order of events, crashes and window changes they meet?"""

from __future__ import annotations

import json
from typing import Any

import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from integration.budget_clock import HOUR, LIMITS, Budgets, P


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
