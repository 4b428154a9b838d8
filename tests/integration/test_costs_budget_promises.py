"""What do budgets promise, one example each?"""

from __future__ import annotations

import json

import pytest
import redis
from integration.budget_clock import Budgets, P

from fleet.store.scripts import source


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
