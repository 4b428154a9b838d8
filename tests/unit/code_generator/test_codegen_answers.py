"""Is the code found in whatever a model answers, and its faults named?"""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.code_generator.extract import extract
from workers.code_generator.parse import MAX_CODE_BYTES, called_names, parse

ADD = "def add(a, b):\n    return a + b\n"


@pytest.mark.parametrize(
    "answer",
    [
        ADD,
        f"```python\n{ADD}```",
        f"```\n{ADD}```\n",
        f"~~~py\n{ADD}~~~",
        f"Sure! Here it is:\n\n```python\n{ADD}```\n\nThis function adds.\n\n```python\nprint(add(1, 2))\n```",
        f"```bash\npip install x\n```\n```Python3\n{ADD}```",
        f"```python\n{ADD}",
        f"```python title=add.py\n{ADD}```",
        f"{ADD}\nThis function takes two numbers and adds them.",
        f"```python\n{ADD}\n\nadd(1,",
        f"  ```python\n{ADD}  ```",
    ],
)
def test_the_code_is_found(answer: str) -> None:
    assert ast.dump(ast.parse(extract(answer))) == ast.dump(ast.parse(ADD))


@pytest.mark.parametrize("answer", ["", "I cannot do that.", "```\n```", "```json\n{}\n```", "\n\n"])
def test_an_answer_without_code_gives_none(answer: str) -> None:
    assert extract(answer).strip() in ("", "{}") or not parse(extract(answer), ["add"]).ok


def test_code_that_does_not_parse_is_given_back_for_the_evidence() -> None:
    broken = "def add(a, b:\n    return a + b\n"
    assert extract(f"```python\n{broken}```").strip() == broken.strip()
    assert "SyntaxError in line 1" in parse(broken).problem


@given(st.text(st.sampled_from("`~\n pydef(x):=1")))
def test_any_answer_is_survived(answer: str) -> None:
    parse(extract(answer))


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("", "no Python code"),
        ("x = (", "SyntaxError"),
        ("x = '\0'", "null bytes"),
        (f"x = {'1' * MAX_CODE_BYTES}", "bytes long"),
        ("(" * 500 + ")" * 500, "parse"),
        ("def sub(a, b): ...", "does not define 'add'"),
    ],
)
def test_what_is_not_worth_executing_is_named(code: str, problem: str) -> None:
    parsed = parse(code, ["add"])
    assert not parsed.ok
    assert problem in parsed.problem or "SyntaxError" in parsed.problem


@pytest.mark.parametrize(
    "code",
    [
        ADD,
        "add = lambda a, b: a + b",
        "from operator import add",
        "import operator as add",
        "if True:\n    def add(a, b): ...",
        "class add: ...",
        "from operator import *",
        "async def add(a, b): ...",
        "(add, sub) = (1, 2)",
    ],
)
def test_every_way_to_define_a_name_counts(code: str) -> None:
    assert parse(code, ["add"]).ok


def test_a_name_bound_inside_a_function_only_is_not_defined() -> None:
    assert not parse("def outer():\n    def add(a, b): ...", ["add"]).ok


@pytest.mark.parametrize(
    ("check", "names"),
    [
        ("add(2, 3)", {"add"}),
        ("sorted(unique([1])) == [1]", {"unique"}),
        ("import math\nassert abs(area(1) - math.pi) < 1e-9", {"area"}),
        ("stack = Stack()\nstack.push(1)\nassert stack.pop() == 1", {"Stack"}),
        ("from math import floor\nassert floor(f(1.5)) == 1", {"f"}),
        ("assert all(is_even(n) for n in (2, 4))", {"is_even"}),
    ],
)
def test_a_check_needs_the_names_it_calls(check: str, names: set[str]) -> None:
    assert called_names(check) == names
