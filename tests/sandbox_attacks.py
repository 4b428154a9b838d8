"""How does a test attack the sandbox?

An attack is the body of a function whose return value is the evidence of its success.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from workers.sandbox import isolation
from workers.sandbox.limits import Limits
from workers.sandbox.program import Outcome, Program, SandboxResult, Step
from workers.sandbox.run import run

FAST = Limits(cpu_seconds=2, wall_seconds=5.0)

EVERY_LAYER: tuple[str, ...] = ()
RESTRICTED_CONTAINER = ("namespaces",)
CONTAINER_ROOT = ("namespaces", "unprivileged_user")
UNKNOWN_PROCESSOR = ("seccomp",)
OLD_KERNEL = ("landlock",)


def attempt(
    body: str,
    without: tuple[str, ...] = (),
    limits: Limits = FAST,
    required: frozenset[str] = isolation.STRICT,
    scratch_root: Path | None = None,
    **known: object,
) -> SandboxResult:
    """Run `body` as a function `attack()` that knows the given values.

    With every layer the machine has it must not be refused; with some off, a refusal is a failed attack.
    """
    source = "".join(f"{name} = {value!r}\n" for name, value in known.items())
    source += "def attack():\n" + textwrap.indent(textwrap.dedent(body), "    ")
    program = Program(source, (Step("evaluate", "attack()"),))
    result = run(program, limits=limits, without=without, required=required, scratch_root=scratch_root)
    assert without or result.outcome is not Outcome.REFUSED, result.reason
    return result


def gained(result: SandboxResult) -> Any:
    """Return what the attack got hold of; nothing when it raised, died or was refused."""
    return result.steps[0].value if result.steps and result.steps[0].status == "returned" else None
