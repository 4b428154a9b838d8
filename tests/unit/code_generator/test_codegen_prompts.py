"""Is a model asked what the payload asks, and a small one given the right beginning?"""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.code_generator.payload import CodeGeneration
from workers.code_generator.prompt import Failure, request, temperature
from workers.code_generator.signature import docstring, header


@pytest.mark.parametrize(
    ("prompt", "checks", "first_line", "said"),
    [
        (
            "Write a function add(a, b) that returns their sum.",
            ["add(2, 3) == 5"],
            "def add(a, b)",
            "Returns their sum.",
        ),
        ("Write a Python function that adds two numbers.", ["add(2, 3) == 5"], "def add(n, n2)", "Adds two numbers."),
        (
            "Please write a function `slug(text: str) -> str` which turns a title into a slug. Use hyphens.",
            ["assert slug('A b') == 'a-b'"],
            "def slug(text: str)",
            "Turns a title into a slug.",
        ),
        (
            "Implement a class Stack with push and pop.",
            ["s = Stack()\ns.push(1)\nassert s.pop() == 1"],
            "class Stack",
            "Implement a class Stack with push and pop.",
        ),
        ("def fib(n): return the n-th number", [], "def fib(n)", "Return the n-th number."),
        (
            "Fix sum(1, 2) for total(items)",
            ["sum([1]) == total([1])"],
            "def total(items)",
            "Fix sum(1, 2) for total(items).",
        ),
        ("Say hello.", [], "", "Say hello."),
        ("Parse a line.", ["parse('a', [1], {}, flag=True)"], "def parse(text, items, mapping, flag)", "Parse a line."),
    ],
)
def test_the_beginning_of_the_answer(prompt: str, checks: list[str], first_line: str, said: str) -> None:
    assert header(prompt, checks) == first_line
    assert docstring(prompt) == said


@given(st.text(min_size=1), st.lists(st.sampled_from(["f(1) == 2", "g('x', [])", "x = 1", "len([])", "A().b()"])))
def test_any_prompt_gives_a_beginning_that_parses(prompt: str, checks: list[str]) -> None:
    first_line = header(prompt, checks)
    if first_line:
        ast.parse(f'{first_line}:\n    """{docstring(prompt)}"""\n')


@given(st.floats(0, 2), st.integers(1, 5))
def test_later_attempts_are_warmer_within_bounds(first: float, attempt: int) -> None:
    assert first - 0.001 <= temperature(first, attempt) <= max(first, 1.0)
    assert temperature(first, attempt) <= temperature(first, attempt + 1) + 1e-9


def payload(prompt: str = "Write add(a, b).") -> CodeGeneration:
    return CodeGeneration(prompt=prompt, checks=("add(1, 2) == 3",), seed=5)


def test_a_capable_model_gets_the_task_the_checks_and_the_evidence() -> None:
    failure = Failure("def add(a, b): ...\n", "check failed: gave None")
    asked = request(payload(), ("add(1, 2) == 3",), attempt=2, small=False, failure=failure)
    assert [message.role for message in asked.messages] == ["system", "user", "assistant", "user"]
    assert "add(1, 2) == 3" in asked.messages[1].content
    assert "gave None" in asked.messages[-1].content
    assert asked.prefill == ""
    assert asked.seed == 6


def test_evidence_is_bounded() -> None:
    asked = request(payload(), (), attempt=2, small=False, failure=Failure("", "x" * 1_000_000))
    assert len(asked.messages[-1].content) < 10_000


def test_a_small_model_gets_examples_the_task_and_a_beginning() -> None:
    asked = request(payload(), ("add(1, 2) == 3",), attempt=1, small=True)
    assert asked.messages[-1].content == "Write add(a, b)."
    assert asked.messages[0].role == "user"
    assert asked.prefill.startswith("```python\ndef add(a, b):\n")
    assert not asked.prefill.endswith("\n")
    assert "\n```" in asked.stop
