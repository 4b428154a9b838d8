"""Declared budgets: what guards whom, and which declarations cannot be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.costs.budgets import Budget, Level, Policy, Window, guarding, parse_budgets, routes
from fleet.errors import ConfigurationError

TREE = [
    {"name": "acme", "level": "organisation", "limits_usd": {"day": 50, "month": 900}},
    {"name": "research", "parent": "acme", "tenants": ["research"], "limits_usd": {"hour": 2}, "policy": "pause"},
    {
        "name": "code",
        "level": "task",
        "parent": "research",
        "tenants": ["research"],
        "task_types": ["code_generation"],
        "limits_usd": {"task": "0.5"},
        "policy": "downgrade",
        "downgrade_at": 60,
    },
]


def test_a_task_is_guarded_by_its_budget_and_all_above() -> None:
    budgets = parse_budgets(TREE)
    assert [b.name for b in guarding(budgets, "research", "code_generation")] == ["acme", "research", "code"]
    assert [b.name for b in guarding(budgets, "research", "general")] == ["acme", "research"]
    assert [b.name for b in guarding(budgets, "anybody", "code_generation")] == ["acme"]


def test_amounts_windows_and_policies_are_read() -> None:
    _, research, code = parse_budgets(TREE)
    assert research.limits == {Window.HOUR: 2_000_000}
    assert research.policy is Policy.PAUSE
    assert (code.limits, code.downgrade_at) == ({Window.TASK: 500_000}, 60)


names = st.sampled_from(["a", "b", "c", "d"])


@given(st.lists(st.tuples(st.sets(names), st.sets(names)), max_size=4), names, names)
def test_routes_say_what_guarding_says(selectors: list[tuple[set[str], set[str]]], tenant: str, task_type: str) -> None:
    budgets = [
        Budget(f"b{i}", Level.TEAM, {Window.DAY: 1}, tenants=tuple(tenants), task_types=tuple(types))
        for i, (tenants, types) in enumerate(selectors)
    ]
    table = routes(budgets)
    lookups = (f"{tenant}\n{task_type}", f"{tenant}\n*", f"*\n{task_type}", "*\n*")
    found = next(table[key] for key in lookups if key in table)
    assert [gate[0] for gate in json.loads(found)] == [b.name for b in guarding(budgets, tenant, task_type)]


def change(index: int, **changes: object) -> list[dict[str, object]]:
    return [dict(row) | (changes if i == index else {}) for i, row in enumerate(TREE)]


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ("50", r"budgets: expected a list or a mapping"),
        (change(0, cap=3), r"budgets\[0\]: unknown key 'cap'"),
        (change(1, name="acme"), r"budgets\[1\]: there already is a budget 'acme' at budgets\[0\]"),
        (change(1, parent="acne"), r"budgets\[1\]\.parent: unknown budget 'acne' \(did you mean 'acme'"),
        (change(0, parent="code"), r"budgets\[0\]\.parent: budgets form a circle: acme -> code -> research -> acme"),
        (change(1, level="organisation"), r"budgets\[1\]\.parent: .*does not stand above"),
        (change(1, limits_usd={}), r"budgets\[1\]\.limits_usd: expected limits"),
        (change(1, limits_usd={"week": 3}), r"unknown window 'week'"),
        (change(1, limits_usd={"day": -3}), r"budgets\[1\]\.limits_usd\.day: .*negative"),
        (change(1, limits_usd={"day": float("nan")}), r"budgets\[1\]\.limits_usd\.day: .*finite"),
        (
            change(1, limits_usd={"day": 30, "month": 20}),
            r"budgets\[1\]\.limits_usd\.day: 30.00 USD per day is more than 20.00",
        ),
        (change(1, currency="GBP"), r"budgets\[1\]\.currency"),
        (change(1, policy="ignore"), r"unknown policy 'ignore'"),
        (change(1, tenants=["*"]), r"budgets\[1\]\.tenants: leave the key out"),
        (change(1, downgrade_at=0), r"budgets\[1\]\.downgrade_at"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_place(section: object, place: str) -> None:
    with pytest.raises(ConfigurationError, match=place):
        parse_budgets(section)
