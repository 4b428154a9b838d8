"""What do the numbers say: is each goal met, what changed, what must a human still do? Pure."""

from __future__ import annotations

from collections.abc import Iterable

from fleet.reports import daily, monthly, weekly
from fleet.reports.facts import Facts
from fleet.reports.lines import Check, Line, Report, Section

COMMANDS = (
    ("response", "`fleet pools`, `fleet scale explain POOL`"),
    ("error rate", "`fleet tasks search --state failed`"),
    ("tasks that succeeded", "`fleet tasks search --state failed`"),
    ("error budget", "`fleet tasks search --state failed`"),
    ("waited", "`fleet scale explain POOL`"),
    ("workers", "`fleet workers`, `fleet doctor`"),
    ("budget", "`fleet budget show`"),
    ("unusual", "`fleet cost report`"),
    ("refused", "`fleet audit list`"),
    ("secrets", "`fleet secrets rotate PATH`"),
    ("bottleneck", "`fleet scale history POOL`"),
    ("threshold", "`fleet plan`"),
    ("last drill", "set FLEET_SECRETS__PASSPHRASE; `fleet backup create FOLDER`, `fleet backup drill FILE`"),
)


def report(facts: Facts) -> Report:
    """Return the report; longer spans hold what shorter ones do, and more."""
    found = [daily.work(facts), daily.capacity(facts), daily.costs(facts), daily.security(facts)]
    if facts.span != "daily":
        found += [weekly.types(facts), weekly.scaling(facts), weekly.advice(facts), weekly.ahead(facts), weekly.plan(facts)]
    if facts.span == "monthly":
        found += [monthly.service_level(facts), monthly.incidents(facts), monthly.disaster(facts), monthly.changes(facts)]
    return Report(facts.span, facts.cell, facts.now.start, facts.now.end, tuple(found), _checklist(found))


def _checklist(sections: Iterable[Section]) -> tuple[Check, ...]:
    judged = [line for section in sections for line in section.lines if line.ok is not None]
    return tuple(Check(f"{line.label}: {line.value}", bool(line.ok), "" if line.ok else _todo(line)) for line in judged)


def _todo(line: Line) -> str:
    """Return what to type, by the beginning of the label."""
    typed = next((command for head, command in COMMANDS if line.label.startswith(head)), "`fleet doctor`")
    return f"{typed}; goal {line.goal}"
