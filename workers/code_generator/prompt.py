"""What is the model asked, first and after a failure?

A capable model gets the task, the checks and, after a failure, its own code with the evidence. A small one gets
examples, a short question and the beginning of its answer: it cannot use evidence, so later attempts are only warmer.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.code_generator import signature
from workers.code_generator.payload import CodeGeneration
from workers.llm.provider import CompletionRequest, Message

WARMER = 0.4
MAX_EVIDENCE = 4_000

SYSTEM = (
    "You write Python. Answer with one fenced Python code block that contains everything needed, standard library "
    "only, and nothing but the code: no usage example, no tests, no explanation. The code is executed against checks."
)

EXAMPLES = (
    Message("user", "Write a function double(x) that returns twice x."),
    Message("assistant", '```python\ndef double(x):\n    """Returns twice x."""\n    return 2 * x\n```'),
    Message("user", "Write a function count_positive(numbers) that returns how many numbers are above zero."),
    Message(
        "assistant",
        '```python\ndef count_positive(numbers):\n    """Returns how many numbers are above zero."""\n    count = 0\n'
        "    for number in numbers:\n        if number > 0:\n            count += 1\n    return count\n```",
    ),
    Message("user", "Write a function initials(name) that returns the first letter of every word, in upper case."),
    Message(
        "assistant",
        '```python\ndef initials(name):\n    """Returns the first letter of every word, in upper case."""\n'
        '    return "".join(word[0].upper() for word in name.split())\n```',
    ),
)
"""What a small model is shown: each answer begins as its own will, with the signature and the task as docstring."""


SMALL_STOPS = ("\n```", "\n\n\n", "\nprint(", "\nassert ", "\nif __name__", "\n# ")
"""A small model that has finished its function goes on with examples until the tokens are used up."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What the previous attempt produced and why it does not count."""

    code: str
    evidence: str


def request(
    payload: CodeGeneration, checks: tuple[str, ...], *, attempt: int, small: bool, failure: Failure | None = None
) -> CompletionRequest:
    """Return the request of this attempt (counted from 1)."""
    prefill = _beginning(payload.prompt, checks) if small else ""
    return CompletionRequest(
        messages=_small(payload) if small else _full(payload, checks, failure),
        max_tokens=payload.max_tokens,
        temperature=temperature(payload.temperature, attempt),
        seed=None if payload.seed is None else payload.seed + attempt - 1,
        stop=SMALL_STOPS if small else (),
        prefill=prefill,
    )


def temperature(first: float, attempt: int) -> float:
    """Return how warm an attempt is: doing the same again would give the same again."""
    return min(max(first, 1.0), round(first + WARMER * (attempt - 1), 3))


def _small(payload: CodeGeneration) -> tuple[Message, ...]:
    return (*EXAMPLES, Message("user", payload.prompt))


def _beginning(prompt: str, checks: tuple[str, ...]) -> str:
    """Return how a small model's answer begins.

    It ends without a line break: with one, the model takes the function for finished and closes the block.
    """
    header = signature.header(prompt, checks)
    return f'```python\n{header}:\n    """{signature.docstring(prompt)}"""' if header else "```python\n"


def _full(payload: CodeGeneration, checks: tuple[str, ...], failure: Failure | None) -> tuple[Message, ...]:
    task = payload.prompt
    if checks:
        task += "\n\nThe code has to pass these checks:\n" + "\n".join(f"- `{check}`" for check in checks)
    messages = (Message("system", SYSTEM), Message("user", task))
    if failure is None:
        return messages
    evidence = failure.evidence[:MAX_EVIDENCE]
    return (
        *messages,
        Message("assistant", f"```python\n{failure.code}```" if failure.code else "(no code)"),
        Message(
            "user", f"That does not count:\n{evidence}\n\nAnswer with the whole corrected code in one fenced block."
        ),
    )
