"""Do checks pass for the right values only, and is the comparison made where the code cannot touch it?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from workers.code_generator.checks import Check, build, equal_json, judge
from workers.code_generator.payload import MAX_CHECKS, MAX_PROMPT, CallCheck, CodeGeneration
from workers.sandbox.program import Raised, Step, StepResult

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def one(check: str | CallCheck) -> Check:
    return build([check])[0]


def passes(check: str | CallCheck, value: Any) -> bool:
    return judge(one(check), StepResult("returned", value)).passed


@pytest.mark.parametrize(
    ("check", "step", "right", "wrong"),
    [
        ("assert add(2, 3) == 5", "add(2, 3)", 5, 6),
        ("add(2, 3) == 5", "add(2, 3)", 5, None),
        ("assert 5 == add(2, 3)", "add(2, 3)", 5, "5"),
        ("assert f() == (1, [2])", "f()", (1, [2]), [1, [2]]),
        ("assert f() is None", "f()", None, 0),
        ("assert f() is True", "f()", True, 1),
        ("assert f() == {'a': {1}}", "f()", {"a": {1}}, {"a": [1]}),
        ("assert is_even(2)", "not not (is_even(2))", True, False),
        ("assert not is_even(3)", "not not (not is_even(3))", True, False),
        ("assert f(1) > 2", "not not (f(1) > 2)", True, False),
        ("assert 1 < f(1) < 3, 'message'", "not not (1 < f(1) < 3)", True, False),
    ],
)
def test_comparisons_are_made_outside(check: str, step: str, right: Any, wrong: Any) -> None:
    assert one(check).step == Step("evaluate", step)
    assert passes(check, right)
    report = judge(one(check), StepResult("returned", wrong))
    assert (report.status, report.judged) == ("failed", "outside")
    assert "expected" in report.error


@pytest.mark.parametrize(
    "check",
    ["import math\nassert f() == math.pi", "x = f()\nassert x == 1", "for n in range(3):\n    assert f(n) == n"],
)
def test_anything_more_runs_inside_and_says_so(check: str) -> None:
    assert one(check).step == Step("execute", check)
    report = judge(one(check), StepResult("returned"))
    assert (report.status, report.judged) == ("passed", "inside")


def test_what_was_raised_is_the_evidence() -> None:
    report = judge(one("assert f() == 1"), StepResult("raised", raised=Raised("TypeError", "no", 3)))
    assert (report.status, report.error) == ("failed", "raised TypeError: no (line 3)")


def test_a_check_that_did_not_run_did_not_pass() -> None:
    assert judge(one("assert f() == 1"), StepResult("not run")).status == "not run"


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (StepResult("raised", raised=Raised("ValueError", "empty")), "passed"),
        (StepResult("raised", raised=Raised("TypeError", "empty")), "failed"),
        (StepResult("returned", None), "failed"),
    ],
)
def test_an_expected_exception(result: StepResult, status: str) -> None:
    assert judge(one(CallCheck(call="mean([])", raises="ValueError")), result).status == status


@given(JSON)
def test_json_equals_itself_and_its_tuples(value: Any) -> None:
    def tuples(node: Any) -> Any:
        if isinstance(node, list):
            return tuple(map(tuples, node))
        return {key: tuples(item) for key, item in node.items()} if isinstance(node, dict) else node

    assert equal_json(value, value)
    assert equal_json(value, tuples(value))


@pytest.mark.parametrize(
    ("expected", "actual", "equal"),
    [
        (0.3, 0.1 + 0.2, True),
        (2, 2.0, True),
        (10**400, 1e300, False),
        (True, 1, False),
        (1, True, False),
        (0, False, False),
        ([1, True], [1, 1], False),
        ("1", 1, False),
        ([1], {1}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (None, 0, False),
    ],
)
def test_json_comparison(expected: Any, actual: Any, equal: bool) -> None:
    assert equal_json(expected, actual) is equal


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * (MAX_PROMPT + 1)}, "prompt"),
        ({"prompt": "x", "language": "cobol"}, "language"),
        ({"prompt": "x", "checks": ["assert ("]}, "is not Python"),
        ({"prompt": "x", "checks": [""]}, "checks"),
        ({"prompt": "x", "checks": ["1"] * (MAX_CHECKS + 1)}, "checks"),
        ({"prompt": "x", "checks": [{"call": "f()"}]}, "give 'expect'"),
        ({"prompt": "x", "checks": [{"call": "f()", "expect": 1, "raises": "E"}]}, "not both"),
        ({"prompt": "x", "checks": [{"call": "x = 1", "expect": 1}]}, "not a Python expression"),
        ({"prompt": "x", "checks": [{"call": "f()", "raises": "not a name"}]}, "raises"),
        ({"prompt": "x", "max_attempts": 6}, "max_attempts"),
        ({"prompt": "x", "temperature": 2.5}, "temperature"),
        ({"prompt": "x", "complexity": 1.1}, "complexity"),
        ({"prompt": "x", "tempreature": 1}, "tempreature"),
    ],
)
def test_a_payload_that_cannot_be_is_refused_by_name(payload: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        CodeGeneration.model_validate(payload)


def test_null_can_be_expected() -> None:
    payload = CodeGeneration.model_validate({"prompt": "x", "checks": [{"call": "f()", "expect": None}]})
    assert passes(payload.checks[0], None)
    assert not passes(payload.checks[0], 0)
    assert CodeGeneration.model_validate_json(payload.model_dump_json(exclude_unset=True)) == payload
