"""Which incidents change, and who must hear of it?

Pure: conditions and the incidents of the last look in, changes and announcements out. A condition that could not be
judged (None) changes nothing: what is not seen is neither well nor ill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleet.alerts import states
from fleet.alerts.rules import Rule, RuleBook
from fleet.alerts.silences import Silence, silenced
from fleet.alerts.states import Announcement, Incident
from fleet.alerts.windows import Labels, Vector


@dataclass(frozen=True, slots=True)
class Verdict:
    """`changed` maps an incident's key to what it is now; None: forget it."""

    changed: Mapping[str, Incident | None]
    announcements: tuple[Announcement, ...]
    muted: Mapping[str, str]
    """Open incident -> what keeps it quiet."""


@dataclass(frozen=True, slots=True)
class _Case:
    rule: Rule
    labels: Labels
    before: Incident | None
    holding: Vector


def judge(
    book: RuleBook,
    conditions: Mapping[str, Vector | None],
    before: Mapping[str, Incident],
    silences: Sequence[Silence],
    now: float,
) -> Verdict:
    """Advance every incident and every new condition by one look."""
    cases = _cases(book, conditions, before)
    # First quietly, to know what is open: an inhibiting incident may fire in this very look.
    quiet = [states.move(case.rule, case.labels, case.before, case.holding, now) for case in cases]
    open_now = [step.incident for step in quiet if step.incident is not None and step.incident.is_open]
    by_source: dict[str, list[Incident]] = defaultdict(list)
    for incident in open_now:
        by_source[incident.rule].append(incident)
    changed: dict[str, Incident | None] = {}
    announcements: list[Announcement] = []
    muted: dict[str, str] = {}
    for case, step in zip(cases, quiet, strict=True):
        candidate = step.incident
        reason = ""
        if candidate is not None and candidate.is_open:
            sources = [
                open_one for i in book.inhibitions if case.rule.name in i.mutes for open_one in by_source[i.source]
            ]
            reason = states.inhibited(candidate, sources, book.inhibitions) or silenced(candidate, silences, now)
        if reason and candidate is not None:
            muted[candidate.key] = reason
        else:
            step = states.announce(case.rule, step, now)
        _note(case.before, step, changed, announcements)
    for key, incident in before.items():
        if incident.rule not in book.rules:
            _note(incident, states.end(incident, now), changed, announcements)
            changed.setdefault(key, None)
    return Verdict(changed, tuple(announcements), muted)


def _cases(book: RuleBook, conditions: Mapping[str, Vector | None], before: Mapping[str, Incident]) -> list[_Case]:
    known: dict[str, dict[Labels, Incident]] = defaultdict(dict)
    for incident in before.values():
        known[incident.rule][incident.labels] = incident
    cases = []
    for rule in book.rules.values():
        holding = conditions.get(rule.name)
        if holding is None:
            continue
        groups = states.group(rule, holding)
        for labels in {**groups, **known[rule.name]}:
            cases.append(_Case(rule, labels, known[rule.name].get(labels), dict(groups.get(labels, {}))))
    return cases


def _note(
    before: Incident | None, step: states.Step, changed: dict[str, Incident | None], announcements: list[Announcement]
) -> None:
    announcements += step.announcements
    if step.incident is not None and step.incident != before:
        changed[step.incident.key] = step.incident
    elif step.incident is None and before is not None:
        changed[before.key] = None
