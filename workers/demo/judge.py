"""Did the demo go well? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One task of the demo as it ended."""

    title: str
    task_id: str
    task_type: str
    pool: str
    why: str
    state: str
    wait_seconds: float
    run_seconds: float
    tokens: int
    cost_usd: str
    outcome: str
    result: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def outcome(task_type: str, state: str, result: dict[str, Any], reason: str) -> str:
    """Return one task's outcome in a few words."""
    if state != "done":
        return f"{state}: {reason}"
    match task_type:
        case "code_generation":
            return "verified" if result.get("verified") else f"not verified: {result.get('reason', '')}"
        case "security_analysis":
            return f"{result['verdict']}: {result['findings_total']} findings"
        case "performance_test":
            return f"{result['verdict']}: p95 {result['p95_ms']:.1f} ms at {result['throughput']:.0f}/s"
        case _:
            return state


def tokens(result: dict[str, Any]) -> int:
    """Return the tokens a result says it used."""
    usage = result.get("usage") or {}
    return int(usage.get("input_tokens", 0)) + int(usage.get("output_tokens", 0))


def complaints(rows: Sequence[Row], planted: str, killed: Sequence[str], orphans: Sequence[str]) -> list[str]:
    """Return everything that went wrong; empty when the demo succeeded."""
    wrong = [f"{row.title} ended {row.state}: {row.outcome}" for row in rows if row.state != "done"]
    by_type = {row.task_type for row in rows if row.state == "done"}
    wrong += [f"no {name} task was done" for name in ("code_generation", "security_analysis", "performance_test") if name not in by_type]
    if len(rows) < 12:
        wrong.append(f"only {len(rows)} tasks were submitted")
    if not any(planted in row.title and row.result.get("findings_total", 0) > 0 for row in rows):
        wrong.append("nothing was found in the planted sample")
    if not any(row.result.get("verified") for row in rows):
        wrong.append("no generated function was verified")
    wrong += [f"{name} did not stop by itself" for name in killed]
    wrong += [f"process {name} was left behind" for name in orphans]
    return wrong
