"""Which small tasks show what the shipped model can and cannot do?

Measured with SmolLM2-135M-Instruct Q4_1: a 135 million parameter model writes one-expression functions and plain loops,
and fails at most things that need a plan. The reliable ones pass at temperature 0 in the first attempt; the others are
here because a demonstration that cannot fail shows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SEED = 11


@dataclass(frozen=True, slots=True)
class Sample:
    """A payload for the task type `code_generation`, and whether the shipped model is known to manage it."""

    name: str
    prompt: str
    checks: tuple[Any, ...]
    reliable: bool

    @property
    def payload(self) -> dict[str, Any]:
        """Return the task's payload."""
        return {"prompt": self.prompt, "checks": list(self.checks), "max_tokens": 160, "seed": SEED, "complexity": 0.1}


SAMPLES = (
    Sample(
        "maximum",
        "Write a function maximum(numbers) that returns the largest number in the list.",
        ("assert maximum([3, 9, 2]) == 9", "assert maximum([-5, -2, -9]) == -2", "assert maximum([4]) == 4"),
        reliable=True,
    ),
    Sample(
        "is_palindrome",
        "Write a function is_palindrome(text) that returns True if the text reads the same backwards.",
        ("assert is_palindrome('racecar')", "assert not is_palindrome('fleet')", "assert is_palindrome('')"),
        reliable=True,
    ),
    Sample(
        "celsius_to_fahrenheit",
        "Write a function celsius_to_fahrenheit(c) that converts degrees Celsius to Fahrenheit.",
        (
            {"call": "celsius_to_fahrenheit(100)", "expect": 212},
            {"call": "celsius_to_fahrenheit(-40)", "expect": -40},
            {"call": "celsius_to_fahrenheit(36.6)", "expect": 97.88},
        ),
        reliable=True,
    ),
    Sample(
        "is_even",
        "Write a function is_even(n) that returns True if n is even, otherwise False.",
        ("assert is_even(4) is True", "assert is_even(7) is False", "assert is_even(-2) is True"),
        reliable=True,
    ),
    Sample(
        "word_count",
        "Write a function word_count(text) that returns the number of words in the text.",
        ("assert word_count('to be or not') == 4", "assert word_count('') == 0", "assert word_count('  a  b ') == 2"),
        reliable=True,
    ),
    Sample(
        "reverse_string",
        "Write a function reverse_string(text) that returns the text reversed.",
        ({"call": "reverse_string('fleet')", "expect": "teelf"}, {"call": "reverse_string('')", "expect": ""}),
        reliable=True,
    ),
    Sample(
        "average",
        "Write a function average(numbers) that returns the average of a list of numbers.",
        ({"call": "average([1, 2, 3])", "expect": 2}, {"call": "average([0.1, 0.2])", "expect": 0.15}),
        reliable=True,
    ),
    Sample(
        "factorial",
        "Write a function factorial(n) that returns n factorial.",
        ("assert factorial(0) == 1", "assert factorial(5) == 120", "assert factorial(20) == 2432902008176640000"),
        reliable=False,
    ),
    Sample(
        "clamp",
        "Write a function clamp(x, low, high) that returns x limited to the range from low to high.",
        ("assert clamp(5, 0, 3) == 3", "assert clamp(-1, 0, 3) == 0", "assert clamp(2, 0, 3) == 2"),
        reliable=False,
    ),
)

RELIABLE = tuple(sample for sample in SAMPLES if sample.reliable)
