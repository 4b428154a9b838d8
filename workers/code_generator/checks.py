"""What does each check make the sandbox do, and did it pass?

Where a check compares with a literal, only the other side is evaluated inside and the comparison is made out here, so
that code cannot pass by overriding equality or by knowing the answer. Other assertions run inside and only tell whether
they raised, which is said in the report.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from workers.code_generator.parse import called_names
from workers.code_generator.payload import CallCheck
from workers.sandbox.program import Step, StepResult

SHOWN_CHARACTERS = 300

Judge = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the payload, ready to run and to be judged."""

    text: str
    step: Step
    accepts: Judge | None = None
    """Judges the value out here; nothing: not raising is passing."""
    expected: str = ""
    raises: str = ""

    @property
    def calls(self) -> frozenset[str]:
        """Return the names the code has to define for this check."""
        return called_names(self.step.source)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """How a check went, with the evidence when it did not pass."""

    check: str
    status: Literal["passed", "failed", "not run"]
    error: str = ""
    judged: Literal["outside", "inside"] = "outside"
    """Outside: its value was compared here. Inside: an assertion ran beside the code, which could have tampered."""

    @property
    def passed(self) -> bool:
        return self.status == "passed"


def build(checks: Iterable[str | CallCheck]) -> tuple[Check, ...]:
    """Turn the payload's checks into steps and judges."""
    return tuple(_from_call(check) if isinstance(check, CallCheck) else _from_text(check) for check in checks)


def judge(check: Check, result: StepResult) -> CheckReport:
    """Tell whether a check passed, and if not, why."""
    judged: Literal["outside", "inside"] = "outside" if check.accepts else "inside"
    if result.status == "not run":
        return CheckReport(check.text, "not run", "the program ended before this check", judged)
    problem = _problem(check, result)
    return CheckReport(check.text, "failed" if problem else "passed", problem, judged)


def _problem(check: Check, result: StepResult) -> str:
    """Return what is wrong with a step that ran; empty when it passed."""
    if result.status == "raised":
        if result.raised is not None and check.raises and result.raised.type == check.raises:
            return ""
        wanted = f", expected {check.raises}" if check.raises else ""
        return f"raised {result.raised}{wanted}"[:SHOWN_CHARACTERS]
    if check.raises:
        return f"returned {_shown(result.value)}, expected {check.raises} to be raised"
    if check.accepts is None or check.accepts(result.value):
        return ""
    return f"{check.step.source} gave {_shown(result.value)}, expected {check.expected}"


def equal_json(expected: Any, actual: Any) -> bool:
    """Compare with a value from JSON: lists stand for tuples, floats may be rounded, booleans are not numbers."""
    if isinstance(expected, bool) or isinstance(actual, bool):
        return isinstance(actual, bool) and isinstance(expected, bool) and actual == expected
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return actual == expected or (
            isinstance(actual, float) and math.isclose(actual, _as_float(expected), rel_tol=1e-9, abs_tol=1e-12)
        )
    if isinstance(expected, list) and isinstance(actual, list | tuple):
        return len(expected) == len(actual) and all(map(equal_json, expected, actual))
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(equal_json(expected[key], actual[key]) for key in expected)
    return type(expected) is type(actual) and expected == actual


def _from_call(check: CallCheck) -> Check:
    step = Step("evaluate", check.call)
    if check.raises:
        return Check(f"{check.call} raises {check.raises}", step, raises=check.raises)
    expected = check.expect
    return Check(
        f"{check.call} == {expected!r}", step, lambda actual: equal_json(expected, actual), expected=_shown(expected)
    )


def _from_text(text: str) -> Check:
    condition = _single_condition(text)
    if condition is None:
        return Check(text, Step("execute", text))
    match condition:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is() as operator], comparators=[right]):
            for side, other in ((right, left), (left, right)):
                known, value = _literal(side)
                if known:
                    accepts = _same(value) if isinstance(operator, ast.Is) else _equal(value)
                    return Check(text, Step("evaluate", ast.unparse(other)), accepts, expected=_shown(value))
    return Check(text, Step("evaluate", f"not not ({ast.unparse(condition)})"), _same(True), expected="True")


def _single_condition(text: str) -> ast.expr | None:
    """Return the condition of `assert CONDITION` or of a bare expression; nothing when the check is more than that."""
    body = ast.parse(text).body
    if len(body) != 1:
        return None
    match body[0]:
        case ast.Assert(test=condition) | ast.Expr(value=condition):
            return condition
    return None


def _literal(node: ast.expr) -> tuple[bool, Any]:
    try:
        return True, ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False, None


def _equal(expected: Any) -> Judge:
    return lambda actual: bool(actual == expected)


def _same(expected: Any) -> Judge:
    return lambda actual: type(actual) is type(expected) and bool(actual == expected)


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer with more digits than Python agrees to print
        text = f"an integer of {value.bit_length()} bits" if isinstance(value, int) else f"a {type(value).__name__}"
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
