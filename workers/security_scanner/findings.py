"""What did the engines find, once each?

Pure. A finding never holds a secret: secrets are named by kind, place and the first digits of their SHA-1, enough to
tell two apart and to recognise one that is already known.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

HARD_CODED_CREDENTIAL = "hard-coded-credential"
DIGEST_LENGTH = 8


class Severity(StrEnum):
    """How bad, in rising order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """Which engine said so, by which of its rules."""

    engine: str
    rule: str
    title: str = ""
    help_uri: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One weakness at one place, with everybody who reported it."""

    file: str
    line: int
    kind: str
    severity: Severity
    message: str
    sources: tuple[Source, ...]
    cwe: int | None = None
    digests: tuple[str, ...] = ()
    fingerprint: str = ""

    @property
    def engines(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(source.engine for source in self.sources))

    @property
    def is_secret(self) -> bool:
        return self.kind == HARD_CODED_CREDENTIAL


def digest(secret: str) -> str:
    """Name a secret without telling it (SHA-1, as detect-secrets baselines do)."""
    return hashlib.sha1(secret.encode(), usedforsecurity=False).hexdigest()[:DIGEST_LENGTH]


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """Join what engines say about the same line and kind; worst first, in an order that depends on nothing else."""
    places: defaultdict[tuple[str, int, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        places[finding.file, finding.line, finding.kind].append(finding)
    return sorted(map(_join, places.values()), key=_order)


def stamp(findings: Sequence[Finding], line: Callable[[str, int], str]) -> list[Finding]:
    """Give each finding a fingerprint that survives edits elsewhere in the file.

    It is made of file, kind, the line's own text (or the secret's digests) and, for identical lines, their ordinal.
    """
    seen: Counter[str] = Counter()
    stamped = []
    for finding in sorted(findings, key=lambda finding: (finding.file, finding.line, finding.kind)):
        text = " ".join(finding.digests) if finding.is_secret else "".join(line(finding.file, finding.line).split())
        identity = "\0".join((finding.file, finding.kind, text))
        seen[identity] += 1
        whole = hashlib.sha256(f"{identity}\0{seen[identity]}".encode("utf-8", "replace")).hexdigest()
        stamped.append(replace(finding, fingerprint=whole[:32]))
    return sorted(stamped, key=_order)


def by_severity(findings: Iterable[Finding]) -> dict[str, int]:
    """Count per severity, zeros included."""
    counts = Counter(finding.severity for finding in findings)
    return {severity.value: counts[severity] for severity in reversed(Severity)}


def _join(group: list[Finding]) -> Finding:
    first = min(group, key=_authority)
    return replace(
        first,
        sources=tuple(sorted({source for finding in group for source in finding.sources})),
        digests=tuple(sorted({one for finding in group for one in finding.digests})),
    )


def _authority(finding: Finding) -> tuple[object, ...]:
    """Order by whose word counts: the worst, then one that names a weakness class, then whatever keeps it stable."""
    return (-finding.severity.rank, finding.cwe is None, finding.sources, finding.message, finding.cwe or 0)


def _order(finding: Finding) -> tuple[int, str, int, str]:
    return (-finding.severity.rank, finding.file, finding.line, finding.kind)
