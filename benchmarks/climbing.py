"""What does starting cheap and climbing save, on a fixed set of functions whose answers can be checked?

A scripted provider answers like a model of a given ability: what the cheap one can do the best one can do too. The
answers are executed; the plans are the fleet's own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from hashlib import blake2b

from fleet.costs.escalation import ArmTotals, Outcome, Rung, Savings, plan, savings

# Name: arguments, correct body, check.
FUNCTIONS = {
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
COST_MICROS = {"cheap": 800, "best": 9_000}
LADDER = (Rung("cheap", COST_MICROS["cheap"], 0.7), Rung("best", COST_MICROS["best"], 0.95))


def measure(rounds: int = 20, hold_out: float = 0.2) -> Savings:
    """Do every function so many times; return success and cost of both arms."""
    outcomes: dict[str, Outcome] = {}
    arms = {"escalate": ArmTotals(), "hold-out": ArmTotals()}
    for round_ in range(rounds):
        for name in FUNCTIONS:
            chosen = plan(f"{name}/{round_}", LADDER, outcomes, hold_out=hold_out)
            tried: list[str] = []
            won, micros = False, 0
            while not won and (model := chosen.after(tried)):
                tried.append(model)
                won = passes(answer(model, name, round_), name)
                micros += COST_MICROS[model]
                seen = outcomes.get(model, Outcome())
                outcomes[model] = Outcome(seen.won + won, seen.tried + 1, seen.micros + COST_MICROS[model])
            arms[chosen.arm] = arms[chosen.arm].with_task(won, micros)
    found = savings(arms["escalate"], arms["hold-out"])
    assert found is not None
    return found


def answer(model: str, name: str, round_: int) -> str:
    """Answer like a model of that ability."""
    arguments, body, _ = FUNCTIONS[name]
    draw = int.from_bytes(blake2b(f"{name}/{round_}".encode(), digest_size=4).digest(), "big") % 100
    return f"def {name}({arguments}):\n    return {body if draw < ABILITY[model] else 'None'}\n"


def passes(source: str, name: str) -> bool:
    """Execute an answer of the script (nothing a model wrote) against its check."""
    ast.parse(source)
    scope: dict[str, Callable[..., object]] = {}
    exec(source + f"\ndef check():\n    return bool({name}{FUNCTIONS[name][2]})\n", scope)
    return bool(scope["check"]())
