"""What does a code generation task answer?

Pure: attempts in, a JSON-ready result out. `verified` is true in one case only, and every other case has its reason.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workers.code_generator.checks import CheckReport
from workers.code_generator.payload import CodeGeneration
from workers.llm.provider import Completion, Provider
from workers.sandbox.program import Outcome, SandboxResult

NO_CHECKS = "no checks given"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer of the model and what became of it."""

    number: int
    code: str
    problem: str
    reports: tuple[CheckReport, ...]
    completion: Completion
    temperature: float
    executed: SandboxResult | None = None

    @property
    def passed(self) -> int:
        """Return how many checks passed."""
        return sum(report.passed for report in self.reports)

    @property
    def verified(self) -> bool:
        """Tell whether there were checks and all of them passed."""
        return bool(self.reports) and not self.problem and self.passed == len(self.reports)

    @property
    def final(self) -> bool:
        """Tell whether another attempt makes no sense: all is well, or nothing can be executed here."""
        refused = self.executed is not None and self.executed.outcome is Outcome.REFUSED
        return not self.problem or refused


def result(payload: CodeGeneration, provider: Provider, attempts: Sequence[Attempt], stopped: str) -> dict[str, Any]:
    """Return the task's result, telling of the verified attempt, else of the best one."""
    best = max(
        attempts,
        key=lambda attempt: (attempt.verified, not attempt.problem, attempt.passed, bool(attempt.code), attempt.number),
    )
    return {
        "verified": best.verified,
        "reason": _reason(best, len(attempts), stopped),
        "language": payload.language,
        "code": best.code,
        "checks": [
            {
                "check": report.check,
                "status": report.status,
                "passed": report.passed,
                "error": report.error,
                "judged": report.judged,
            }
            for report in best.reports
        ],
        "attempts": [_attempt(attempt) for attempt in attempts],
        "model": best.completion.model,
        "provider": provider.name,
        "usage": _usage(attempts),
        "isolation": list(best.executed.isolation) if best.executed else [],
    }


def _reason(best: Attempt, made: int, stopped: str) -> str:
    if best.verified:
        return f"all {len(best.reports)} checks passed in attempt {best.number}"
    why = best.problem or NO_CHECKS
    tried = f"not verified after {made} attempt{'s' if made > 1 else ''}: {why}" if best.problem else why
    return f"{tried} ({stopped})" if stopped else tried


def _attempt(attempt: Attempt) -> dict[str, Any]:
    executed = attempt.executed
    return {
        "number": attempt.number,
        "verified": attempt.verified,
        "passed": attempt.passed,
        "problem": attempt.problem,
        "code": attempt.code,
        "temperature": attempt.temperature,
        "latency_seconds": round(attempt.completion.latency_seconds, 3),
        "execution_seconds": round(executed.duration_seconds, 3) if executed else 0.0,
        "output": executed.stdout if executed else "",
        "usage": dataclasses.asdict(attempt.completion.usage),
    }


def _usage(attempts: Sequence[Attempt]) -> dict[str, Any]:
    usages = [attempt.completion.usage for attempt in attempts]
    return {
        "calls": len(usages),
        "input_tokens": sum(usage.input_tokens for usage in usages),
        "output_tokens": sum(usage.output_tokens for usage in usages),
        "cached_tokens": sum(usage.cached_tokens for usage in usages),
        "reasoning_tokens": sum(usage.reasoning_tokens for usage in usages),
        "source": "reported" if all(usage.source == "reported" for usage in usages) else "estimated",
    }
