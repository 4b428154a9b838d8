"""What is the model asked, first and after a failure?

A capable model gets the task, the checks and, after a failure, its own code with the evidence. A small one gets
examples, a short question and the beginning of its answer: it cannot use evidence, so later attempts vary the question
and the temperature instead.
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
    Message("user", "Write a Python function double(x) that should return twice x."),
    Message("assistant", "```python\ndef double(x):\n    return 2 * x\n```"),
    Message(
        "user",
        "Write a Python function count_positive(numbers) that should return how many numbers are above zero.",
    ),
    Message(
        "assistant",
        "```python\ndef count_positive(numbers):\n    count = 0\n    for number in numbers:\n        if number > 0:\n"
        "            count += 1\n    return count\n```",
    ),
    Message(
        "user",
        "Write a Python function initials(name) that should return the first letter of every word, in upper case.",
    ),
    Message(
        "assistant",
        "```python\ndef initials(name):\n    return ''.join(word[0].upper() for word in name.split())\n```",
    ),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """What the previous attempt produced and why it does not count."""

    code: str
    evidence: str


def request(
    payload: CodeGeneration, checks: tuple[str, ...], *, attempt: int, small: bool, failure: Failure | None = None
) -> CompletionRequest:
    """Return the request of this attempt (counted from 1)."""
    prefill = _beginning(payload.prompt, checks, attempt) if small else ""
    return CompletionRequest(
        messages=_small(payload) if small else _full(payload, checks, failure),
        max_tokens=payload.max_tokens,
        temperature=temperature(payload.temperature, attempt),
        seed=None if payload.seed is None else payload.seed + attempt - 1,
        stop=("\n```",) if small and prefill else (),
        prefill=prefill,
    )


def temperature(first: float, attempt: int) -> float:
    """Return how warm an attempt is: doing the same again would give the same again."""
    return min(max(first, 1.0), round(first + WARMER * (attempt - 1), 3))


def _small(payload: CodeGeneration) -> tuple[Message, ...]:
    return (*EXAMPLES, Message("user", payload.prompt))


def _beginning(prompt: str, checks: tuple[str, ...], attempt: int) -> str:
    """Return how a small model's answer begins; every other attempt with a docstring repeating the task."""
    header = signature.header(prompt, checks)
    if not header:
        return "```python\n"
    docstring = f'\n    """{signature.docstring(prompt)}"""' if attempt % 2 else ""
    return f"```python\n{header}:{docstring}"


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
