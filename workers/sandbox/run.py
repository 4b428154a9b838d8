"""How is one program run, from request to result?

Gather (start and watch), decide (judge). `isolation_here` runs nothing at all and tells what this machine can
give, for diagnostics.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Collection
from pathlib import Path

from fleet.errors import UnknownName
from workers.sandbox import isolation
from workers.sandbox.limits import Limits
from workers.sandbox.program import Program, SandboxResult
from workers.sandbox.scratch import scratch
from workers.sandbox.start import start
from workers.sandbox.verdict import judge, refused
from workers.sandbox.watch import watch

DEFAULT_LIMITS = Limits()


def run(
    program: Program,
    *,
    limits: Limits = DEFAULT_LIMITS,
    required: Collection[str] = isolation.STRICT,
    without: Collection[str] = (),
    scratch_root: Path | None = None,
) -> SandboxResult:
    """Run a program; whatever it does, the answer is a result.

    `required` names layers or guarantees without which it is refused, the minimum always included; `without` switches
    layers off, to learn what the others hold.
    """
    for name in isolation.unknown([*required, *without]):
        raise UnknownName("isolation layer or guarantee", name, isolation.NAMES)
    if sys.platform != "linux":
        return refused(f"the sandbox needs Linux, this is {sys.platform}")
    nonce = secrets.token_hex(16)
    try:
        with scratch(scratch_root) as folder:
            observed = watch(start(program, limits, required, without, folder, nonce), limits, folder)
    except OSError as exc:
        return refused(
            f"the sandbox could not be started: {exc}; it needs a writable temporary directory and one process"
        )
    return judge(program, limits, observed, nonce)


def isolation_here() -> SandboxResult:
    """Run an empty program and return what isolation it had."""
    return run(Program(source=""), required=isolation.MINIMUM)
