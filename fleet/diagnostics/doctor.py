"""How does a visit go?"""

from __future__ import annotations

from fleet.diagnostics import checks, fixes
from fleet.diagnostics.finding import Diagnosis, combine
from fleet.diagnostics.gather import gather
from fleet.errors import FleetError


def diagnose() -> Diagnosis:
    """Look at everything once."""
    facts, unseen = gather()
    return combine(checks.judge(facts), checks.SECTIONS, unseen, checks.blind(facts))


def mend(diagnosis: Diagnosis) -> tuple[Diagnosis, list[str]]:
    """Apply the safe fixes and look again; returns the new diagnosis and what was done."""
    done = []
    for finding in diagnosis.findings:
        if finding.action:
            try:
                done.append(f"{finding.subject}: {fixes.apply(finding)}")
            except FleetError as error:
                done.append(f"{finding.subject}: could not be mended: {error}")
    return (diagnose() if done else diagnosis), done
