"""Is the source good enough, bad, or not known to be either?

Pure. Findings at or above the threshold fail. Otherwise a broken scanner, or nothing to scan, makes the answer
`inconclusive`: silence is not a pass. What nobody could read is named beside a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workers.security_scanner.engines.report import EngineRun
from workers.security_scanner.findings import Finding, Severity

LISTED_GAPS = 20


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
    """Judge findings (worst first) over `files` files; `gaps` are files left out though they may matter."""
    bad = [finding for finding in findings if finding.severity.rank >= threshold.rank]
    broken = [f"{engine.name} failed: {engine.error}" for engine in engines if engine.error is not None]
    unread = [f"{engine.name} could not read {name}: {reason}" for engine in engines for name, reason in engine.unread]
    unread += [f"nobody looked at {name}: {reason}" for name, reason in gaps]
    doubts = [*broken, *unread[:LISTED_GAPS]]
    if bad:
        first = f"first: {bad[0].kind} at {bad[0].file}:{bad[0].line}"
        return Verdict("fail", (f"{len(bad)} findings of severity {threshold} or worse; {first}", *doubts))
    if not files:
        return Verdict("inconclusive", ("there was no file to scan", *doubts))
    if broken:
        return Verdict("inconclusive", tuple(doubts))
    return Verdict("pass", (f"no finding of severity {threshold} or worse among {len(findings)}", *doubts))
