"""Is the source good enough, bad, or not known to be either?

Pure. Findings at or above the threshold fail. Otherwise a broken scanner, code that nobody could read, or nothing to
scan makes the answer `inconclusive`: silence is not a pass. Source that chokes a parser (syntax of another Python,
nesting too deep, a giant file) must not be a way to hide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workers.security_scanner.engines.report import EngineRun
from workers.security_scanner.findings import Finding, Severity

LISTED_DOUBTS = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """`pass`, `fail` or `inconclusive`, and why."""

    outcome: str
    reasons: tuple[str, ...]


def judge(
    findings: Sequence[Finding],
    engines: Sequence[EngineRun],
    threshold: Severity,
    files: int,
    gaps: Sequence[tuple[str, str]] = (),
) -> Verdict:
    """Judge findings (worst first) over `files` files; `gaps` is code that was left out."""
    bad = [finding for finding in findings if finding.severity.rank >= threshold.rank]
    doubts = [f"{engine.name} failed: {engine.error}" for engine in engines if engine.error is not None]
    doubts += [f"{engine.name} could not read {name}: {reason}" for engine in engines for name, reason in engine.unread]
    doubts += [f"nobody looked at {name}: {reason}" for name, reason in gaps]
    if not files:
        doubts.insert(0, "there was no file to scan")
    if bad:
        first = f"first: {bad[0].kind} at {bad[0].file}:{bad[0].line}"
        doubts.insert(0, f"{len(bad)} findings of severity {threshold} or worse; {first}")
        return Verdict("fail", tuple(doubts[:LISTED_DOUBTS]))
    if doubts:
        return Verdict("inconclusive", tuple(doubts[:LISTED_DOUBTS]))
    return Verdict("pass", (f"no finding of severity {threshold} or worse among {len(findings)}",))
