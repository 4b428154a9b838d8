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


def judge(facts: Facts) -> list[Finding]:
    """Ask every question."""
    return [finding for checks in SECTIONS.values() for check in checks for finding in check(facts)]
