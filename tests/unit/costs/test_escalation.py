"""Escalation: start where success is cheapest, never skip the best, and measure what it saves."""

from __future__ import annotations

import ast
from collections.abc import Callable
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.costs.downgrade import Downgrade, check_rules, downgraded
from fleet.costs.escalation import ArmTotals, Outcome, Rung, plan, savings
from fleet.errors import ConfigurationError

LADDER = (Rung("cheap", 1_000, 0.7), Rung("middle", 4_000, 0.8), Rung("best", 20_000, 0.95))
rates = st.integers(0, 100)


@given(rates, rates, rates, st.text(min_size=1))
def test_a_plan_ends_with_the_best_model_and_never_repeats_one(cheap: int, middle: int, best: int, task: str) -> None:
    outcomes = {
        name: Outcome(won, 100, 100 * rung.micros)
        for name, won, rung in zip(("cheap", "middle", "best"), (cheap, middle, best), LADDER, strict=True)
    }
    found = plan(task, LADDER, outcomes)
    assert found.models[-1] == "best"
    assert len(set(found.models)) == len(found.models)
    assert found == plan(task, LADDER, outcomes)


def test_a_model_that_never_passes_is_not_tried_first() -> None:
    hopeless = {"cheap": Outcome(0, 200, 200_000), "middle": Outcome(190, 200, 800_000)}
    assert plan("task", LADDER, hopeless, hold_out=0).models[0] == "middle"
    assert plan("task", LADDER, {}, hold_out=0).models[0] == "cheap"


def test_the_hold_out_is_its_share_and_sticks_to_the_task() -> None:
    arms = [plan(f"task{i}", LADDER, {}, hold_out=0.1).arm for i in range(4000)]
    assert 0.08 < arms.count("hold-out") / len(arms) < 0.12
    assert plan("task7", LADDER, {}, hold_out=1).models == ("best",)


def test_a_model_that_costs_more_without_being_better_is_left_out() -> None:
    ladder = (Rung("cheap-and-best", 1_000, 0.95), Rung("dear", 4_000, 0.9))
    assert plan("task", ladder, {}, hold_out=0).models == ("cheap-and-best",)


def test_after_failed_checks_comes_the_next_rung() -> None:
    found = plan("task", LADDER, {}, hold_out=0)
    assert found.after(["cheap"]) == "middle"
    assert found.after(["cheap", "middle", "best"]) is None


# A fixed set of checkable functions: name, correct source, checks. The scripted provider below answers them.
BODIES = {
    "add": ("a, b", "a + b", "(2, 3) == 5"),
    "sub": ("a, b", "a - b", "(5, 3) == 2"),
    "mul": ("a, b", "a * b", "(4, 3) == 12"),
    "double": ("a", "2 * a", "(4) == 8"),
    "square": ("a", "a * a", "(-4) == 16"),
    "negate": ("a", "-a", "(4) == -4"),
    "is_even": ("a", "a % 2 == 0", "(4)"),
    "is_odd": ("a", "a % 2 == 1", "(3)"),
    "largest": ("xs", "max(xs)", "([1, 3, 2]) == 3"),
    "smallest": ("xs", "min(xs)", "([2, 1, 3]) == 1"),
    "total": ("xs", "sum(xs)", "([1, 2, 3]) == 6"),
    "mean": ("xs", "sum(xs) / len(xs)", "([1, 2, 3]) == 2"),
    "count": ("xs", "len(xs)", "([1, 2]) == 2"),
    "first": ("xs", "xs[0]", "([7, 8]) == 7"),
    "last": ("xs", "xs[-1]", "([7, 8]) == 8"),
    "reverse": ("s", "s[::-1]", "('abc') == 'cba'"),
    "upper": ("s", "s.upper()", "('ab') == 'AB'"),
    "strip": ("s", "s.strip()", "(' a ') == 'a'"),
    "words": ("s", "len(s.split())", "('a b c') == 3"),
    "vowels": ("s", "sum(c in 'aeiou' for c in s)", "('banana') == 3"),
    "palindrome": ("s", "s == s[::-1]", "('anna')"),
    "unique": ("xs", "sorted(set(xs))", "([2, 1, 2]) == [1, 2]"),
    "evens": ("xs", "[x for x in xs if x % 2 == 0]", "([1, 2, 4]) == [2, 4]"),
    "flatten": ("xs", "[y for x in xs for y in x]", "([[1], [2]]) == [1, 2]"),
    "zipped": ("a, b", "list(zip(a, b))", "([1], [2]) == [(1, 2)]"),
    "invert": ("d", "{v: k for k, v in d.items()}", "({1: 2}) == {2: 1}"),
    "clamp": ("x, lo, hi", "min(max(x, lo), hi)", "(9, 0, 5) == 5"),
    "sign": ("x", "(x > 0) - (x < 0)", "(-3) == -1"),
    "power": ("a, b", "a ** b", "(2, 5) == 32"),
    "floor_half": ("a", "a // 2", "(7) == 3"),
    "hex_of": ("a", "format(a, 'x')", "(255) == 'ff'"),
    "initials": ("s", "''.join(w[0] for w in s.split())", "('ab cd') == 'ac'"),
    "rotate": ("xs", "xs[1:] + xs[:1]", "([1, 2, 3]) == [2, 3, 1]"),
    "dot": ("a, b", "sum(x * y for x, y in zip(a, b))", "([1, 2], [3, 4]) == 11"),
    "gcd_of": ("a, b", "a if b == 0 else gcd_of(b, a % b)", "(12, 18) == 6"),
    "fact": ("n", "1 if n < 2 else n * fact(n - 1)", "(5) == 120"),
}
ABILITY = {"cheap": 70, "best": 95}
COST = {"cheap": 800, "best": 9_000}


def scripted_answer(model: str, name: str, round_: int) -> str:
    """Answer like a model of that ability: what the cheap one can do the best one can do too."""
    arguments, body, _ = BODIES[name]
    draw = int.from_bytes(blake2b(f"{name}/{round_}".encode(), digest_size=4).digest(), "big") % 100
    return f"def {name}({arguments}):\n    return {body if draw < ABILITY[model] else 'None'}\n"


def passes(source: str, name: str) -> bool:
    ast.parse(source)
    scope: dict[str, Callable[..., object]] = {}
    exec(source + f"\ndef check():\n    return bool({name}{BODIES[name][2]})\n", scope)
    return bool(scope["check"]())


def test_escalating_succeeds_like_the_best_model_for_much_less() -> None:
    ladder = (Rung("cheap", COST["cheap"], 0.7), Rung("best", COST["best"], 0.95))
    outcomes: dict[str, Outcome] = {}
    arms = {"escalate": ArmTotals(), "hold-out": ArmTotals()}
    for round_ in range(20):
        for name in BODIES:
            chosen = plan(f"{name}/{round_}", ladder, outcomes, hold_out=0.2)
            tried: list[str] = []
            won, micros = False, 0
            while not won and (model := chosen.after(tried)):
                tried.append(model)
                won = passes(scripted_answer(model, name, round_), name)
                micros += COST[model]
                seen = outcomes.get(model, Outcome())
                outcomes[model] = Outcome(seen.won + won, seen.tried + 1, seen.micros + COST[model])
            arms[chosen.arm] = arms[chosen.arm].with_task(won, micros)
    measured = savings(arms["escalate"], arms["hold-out"])
    assert measured is not None
    assert len(BODIES) >= 30
    assert measured.success >= measured.success_held_out - 0.03
    assert measured.low >= 0.30, measured
    assert measured.low < measured.share < measured.high


def test_savings_need_both_arms() -> None:
    assert savings(ArmTotals(), ArmTotals().with_task(True, 5)) is None


def test_downgrades_are_announced_and_only_when_asked_for() -> None:
    assert not downgraded("gpt-5", "").changed
    asked = downgraded("gpt-5", "research")
    assert asked == Downgrade("gpt-5", "gpt-4o", "budget 'research' runs low: gpt-4o stands in for gpt-5")
    assert not downgraded("unmapped", "research").changed


@pytest.mark.parametrize("rules", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "b"}])
def test_downgrade_rules_that_run_in_a_circle_are_refused(rules: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="circle"):
        check_rules(rules)
