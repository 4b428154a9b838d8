"""What does the doctor say about one thing?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["info", "warning", "unhealthy", "critical"]
Verdict = Literal["healthy", "warning", "unhealthy", "critical"]
RANK: dict[str, int] = {"info": 0, "healthy": 0, "warning": 1, "unhealthy": 2, "critical": 3}
EXIT_CODES: dict[Verdict, int] = {"healthy": 0, "warning": 0, "unhealthy": 1, "critical": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: what was seen, what follows from it, and the exact remedy."""

    check: str
    severity: Severity
    subject: str
    evidence: str
    consequence: str
    fix: str
    action: str = ""
    """Name of the safe fix `--fix` applies, if there is one."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, worst first, and what they add up to."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    sections: dict[str, Verdict]
    unseen: dict[str, str]
    """Probes that could not look, and why: what they would have found is unknown, not fine."""

    def as_dict(self) -> dict[str, Any]:
        from dataclasses import asdict

        return asdict(self)


def combine(findings: Iterable[Finding], sections: Iterable[str], unseen: dict[str, str]) -> Diagnosis:
    """Combine: the worst finding of a section is the section's verdict, the worst section the fleet's. Pure."""
    ordered = tuple(sorted(findings, key=lambda finding: (-RANK[finding.severity], finding.check, finding.subject)))
    by_section: dict[str, Verdict] = {
        name: _verdict([f for f in ordered if f.check.partition(".")[0] == name]) for name in sections
    }
    verdict = _worst(by_section.values())
    if unseen and RANK[verdict] < RANK["warning"]:
        verdict = "warning"
    return Diagnosis(verdict, ordered, by_section, unseen)


def _verdict(findings: list[Finding]) -> Verdict:
    return _worst("healthy" if finding.severity == "info" else finding.severity for finding in findings)


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    worst: Verdict = "healthy"
    for verdict in verdicts:
        worst = verdict if RANK[verdict] > RANK[worst] else worst
    return worst
