"""Does a version keep its goals? Pure: measurements in, verdict out.

A single bad look may be chance; a goal missed in `patience` looks in a row is a breach. Nothing measured is no proof:
a watch that never saw the fleet's metrics fails at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fleet.release.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Goals:
    """What the version must keep."""

    success_rate: float = 0.95
    """Least share of ended tasks that are done."""
    p95_seconds: float = 60.0
    """Longest submission-to-outcome time of 95 % of the tasks."""
    error_rate: float = 0.02
    """Largest share of the gateway's answers that are its own errors (5xx)."""
    least_tasks: float = 5.0
    """Fewer ended tasks than this say nothing about success and time."""
    patience: int = 2
    """Looks in a row that must miss a goal."""


@dataclass(frozen=True, slots=True)
class Look:
    """What Prometheus said at one moment; None: no such samples. `problem`: it did not answer."""

    seen: bool = False
    tasks: float = 0.0
    success_rate: float | None = None
    p95_seconds: float | None = None
    error_rate: float | None = None
    problem: str = ""


def missed(look: Look, goals: Goals) -> list[str]:
    """Return the goals this look misses, in words."""
    if look.problem:
        return [f"cannot measure: {look.problem}"]
    found = []
    if look.tasks >= goals.least_tasks:
        if look.success_rate is not None and look.success_rate < goals.success_rate:
            found.append(f"success rate {look.success_rate:.1%} is below {goals.success_rate:.1%}")
        if look.p95_seconds is not None and look.p95_seconds > goals.p95_seconds:
            found.append(f"p95 {look.p95_seconds:.1f} s is above {goals.p95_seconds:g} s")
    if look.error_rate is not None and look.error_rate > goals.error_rate:
        found.append(f"error rate {look.error_rate:.1%} is above {goals.error_rate:.1%}")
    return found


def judge(looks: Sequence[Look], goals: Goals, is_over: bool) -> Verdict | None:
    """Return the breach as soon as there is one, the verdict at the end, None to go on looking."""
    last = [missed(look, goals) for look in looks[-goals.patience :]]
    if len(last) == goals.patience and all(last):
        return Verdict(False, "; ".join(last[-1]))
    if not is_over:
        return None
    if not any(look.seen for look in looks):
        return Verdict(False, "Prometheus has no metrics of this fleet: is it scraped, and is the selector right?")
    if last and last[-1]:
        return Verdict(False, f"at the end: {'; '.join(last[-1])}")
    busy = sum(look.tasks >= goals.least_tasks for look in looks)
    return Verdict(True, f"every goal was kept in {len(looks)} looks, {busy} of them with enough tasks to judge by")
