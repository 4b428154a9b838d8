"""How is code generated until it is verified, or known not to be?

Each attempt is: ask, take the code out, parse it, execute the checks; its failure is the next attempt's evidence. Code
counts as verified only when every check passed in the sandbox; everything else comes back unverified, with the reason.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from fleet.errors import FleetError, UnknownName
from fleet.telemetry import tracing
from workers.code_generator import checks as checking
from workers.code_generator import outcome
from workers.code_generator.checks import Check, CheckReport
from workers.code_generator.extract import extract
from workers.code_generator.outcome import Attempt
from workers.code_generator.parse import parse
from workers.code_generator.payload import CodeGeneration
from workers.code_generator.prompt import Failure, request
from workers.llm.provider import Completion, CompletionRequest, Provider
from workers.sandbox import isolation
from workers.sandbox.limits import Limits
from workers.sandbox.program import Outcome, Program, SandboxResult
from workers.sandbox.run import run as run_in_sandbox

CHECK_LIMITS = Limits(cpu_seconds=3, wall_seconds=12.0)
"""The clock is generous: on a busy machine the code waits for its turn, its processor time does not."""


class Run(Protocol):
    """What the surrounding task offers while code is generated."""

    def provider(self, model: str | None) -> Provider:
        """Return who completes prompts with this model, or with the configured one."""

    def record_call(self, completion: Completion, *, purpose: str) -> None:
        """Record one paid call; called exactly once for each."""

    def progress(self, fraction: float, message: str) -> None:
        """Tell how far the task is, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How generated code may be executed."""

    required: Collection[str] = isolation.STRICT
    """Layers or guarantees without which it is not executed."""
    without: Collection[str] = ()
    """Layers not to use here."""
    limits: Limits = CHECK_LIMITS

    def __post_init__(self) -> None:
        for name in isolation.unknown([*self.required, *self.without]):
            raise UnknownName("isolation layer or guarantee", name, isolation.NAMES)


def generate(payload: CodeGeneration, run: Run, *, sandbox: Sandbox = Sandbox()) -> dict[str, Any]:
    """Generate code for a payload; the answer says whether it is verified, and why or why not.

    Raises what the provider raises (unreachable, over budget, ...) only when nothing has been paid for yet; a later
    error ends the attempts and is part of the reason.
    """
    provider = run.provider(payload.model)
    checks = checking.build(payload.checks)
    attempts: list[Attempt] = []
    stopped = ""
    for number in range(1, payload.max_attempts + 1):
        run.progress(
            (number - 1) / payload.max_attempts, f"attempt {number} of {payload.max_attempts} with {provider.model}"
        )
        asked = request(
            payload,
            tuple(check.text for check in checks),
            attempt=number,
            small=provider.small,
            failure=_last_failure(attempts),
        )
        try:
            completion = provider.complete(asked)
        except FleetError as exc:
            if not attempts:
                raise
            stopped = f"attempt {number} could not be made: {exc}"
            break
        run.record_call(completion, purpose="generate" if number == 1 else "repair")
        attempts.append(_attempt(number, asked, completion, checks, sandbox))
        if attempts[-1].final:
            break
    run.progress(1.0, "verified" if attempts[-1].verified else "not verified")
    return outcome.result(payload, provider, attempts, stopped)


def _attempt(
    number: int, asked: CompletionRequest, completion: Completion, checks: tuple[Check, ...], sandbox: Sandbox
) -> Attempt:
    """Judge one answer."""
    code = extract(completion.text)
    parsed = parse(code, {name for check in checks for name in check.calls})
    if not parsed.ok:
        reports = tuple(CheckReport(check.text, "not run", parsed.problem) for check in checks)
        return Attempt(number, code, parsed.problem, reports, completion, asked.temperature)
    program = Program(code, tuple(check.step for check in checks))
    with tracing.span("check code", {"fleet.checks": len(checks)}) as span:
        executed = run_in_sandbox(program, limits=sandbox.limits, required=sandbox.required, without=sandbox.without)
        reports = tuple(map(checking.judge, checks, executed.steps))
        tracing.describe(span, {"fleet.checks_passed": sum(report.passed for report in reports)}, _problem(executed, reports))
    return Attempt(number, code, _problem(executed, reports), reports, completion, asked.temperature, executed)


def _problem(executed: SandboxResult, reports: tuple[CheckReport, ...]) -> str:
    """Return why this code does not count; empty when all is well."""
    if executed.outcome is not Outcome.COMPLETED:
        return executed.reason
    return "; ".join(f"check `{report.check}` failed: {report.error}" for report in reports if not report.passed)


def _last_failure(attempts: list[Attempt]) -> Failure | None:
    return Failure(attempts[-1].code, attempts[-1].problem) if attempts else None
