"""The doctor's questions, one file a section; every check is a pure function from facts to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fleet.diagnostics.checks import configuration, connectivity, costs, performance, resources, security
from fleet.diagnostics.facts import Facts
from fleet.diagnostics.finding import Finding

Check = Callable[[Facts], Iterable[Finding]]

SECTIONS: Mapping[str, tuple[Check, ...]] = {
    "connectivity": connectivity.CHECKS,
    "performance": performance.CHECKS,
    "resources": resources.CHECKS,
    "security": security.CHECKS,
    "costs": costs.CHECKS,
    "configuration": configuration.CHECKS,
}


READS: Mapping[str, tuple[str, ...]] = {
    "connectivity": ("broker", "workers", "pools", "job_ages", "beats"),
    "performance": ("work", "pools", "workers", "stranded", "dead_letters"),
    "resources": ("host", "broker", "cluster"),
    "security": ("broker", "secret_ages", "cluster"),
    "costs": ("fills", "budgets"),
    "configuration": ("broker", "workers", "target_ages", "cluster"),
}
"""Section -> the facts it judges beside what is set and declared, which is always there to read."""


def blind(facts: Facts) -> tuple[str, ...]:
    """Return the sections of which nobody saw anything."""
    return tuple(section for section, names in READS.items() if all(getattr(facts, name) is None for name in names))


def judge(facts: Facts) -> list[Finding]:
    """Ask every question."""
    return [finding for checks in SECTIONS.values() for check in checks for finding in check(facts)]
