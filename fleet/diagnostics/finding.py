"""What does the doctor say about one thing?"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["info", "warning", "unhealthy", "critical"]
Verdict = Literal["healthy", "warning", "unhealthy", "critical"]
RANK: dict[str, int] = {"info": 0, "healthy": 0, "warning": 1, "unhealthy": 2, "critical": 3}
Standing = Verdict | Literal["unknown"]
"""Of a section: unknown is not healthy, nobody could look."""
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
    sections: dict[str, Standing]
    unseen: dict[str, str]
    """Probes that could not look, and why: what they would have found is unknown, not fine."""

    def as_dict(self) -> dict[str, Any]:
        from dataclasses import asdict

        return asdict(self)


def combine(
    findings: Iterable[Finding], sections: Iterable[str], unseen: dict[str, str], blind: Container[str] = ()
) -> Diagnosis:
    """Combine: the worst finding of a section is the section's verdict, the worst section the fleet's. Pure.

    A section of `blind`, into which nobody could look, is unknown unless something was found all the same; a fleet of
    which something is unknown is not healthy.
    """
    ordered = tuple(sorted(findings, key=lambda finding: (-RANK[finding.severity], finding.check, finding.subject)))
    by_section: dict[str, Verdict] = {
        name: _verdict([f for f in ordered if f.check.partition(".")[0] == name]) for name in sections
    }
    verdict = _worst(by_section.values())
    standing: dict[str, Standing] = {
        name: "unknown" if name in blind and one == "healthy" else one for name, one in by_section.items()
    }
    if (unseen or "unknown" in standing.values()) and RANK[verdict] < RANK["warning"]:
        verdict = "warning"
    return Diagnosis(verdict, ordered, standing, unseen)


def _verdict(findings: list[Finding]) -> Verdict:
    return _worst("healthy" if finding.severity == "info" else finding.severity for finding in findings)


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    worst: Verdict = "healthy"
    for verdict in verdicts:
        worst = verdict if RANK[verdict] > RANK[worst] else worst
    return worst
