"""What does an operator read when an incident is announced?

Pure. What, since when, current value and threshold, evidence, the first things to try, where the runbook is: the same
value goes to every channel, which only decides how it looks.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from fleet.alerts import syntax
from fleet.alerts.rules import Rule, RuleBook
from fleet.alerts.states import Announcement, Kind
from fleet.clock import utc

MOST_SUBJECTS: Final = 20
BARS: Final = "▁▂▃▄▅▆▇█"
"""What a plot is made of, lowest first."""
_MARKS: Final[Mapping[Kind, str]] = {
    "firing": "FIRING",
    "repeated": "STILL FIRING",
    "acknowledged": "ACKNOWLEDGED",
    "resolved": "RESOLVED",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One incident inside a notification."""

    key: str
    labels: tuple[tuple[str, str], ...]
    value: str
    since: float
    series: int
    acknowledged_by: str = ""
    plot: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one channel; `id` is the key by which a receiver can drop a second copy."""

    id: str
    cell: str
    channel: str
    kind: Kind
    rule: str
    severity: str
    summary: str
    condition: str
    threshold: str
    at: float
    subjects: tuple[Subject, ...]
    total: int
    evidence: tuple[tuple[str, tuple[str, ...]], ...] = ()
    first_things_to_try: tuple[str, ...] = ()
    runbook: str = ""
    dedup: str = ""
    """Names the incident across its life, for receivers that keep a state of their own."""

    @property
    def lane(self) -> str:
        """Notifications of one lane are delivered one after the other, in order."""
        return f"{self.channel}|{self.dedup or self.rule}"

    @property
    def title(self) -> str:
        what = self.subjects[0].key if self.total == 1 else f"{self.rule}: {self.total} incidents"
        return f"[{_MARKS[self.kind]}] {self.severity}: {what} (cell {self.cell})"

    def text(self) -> str:
        """Return the whole message as plain text."""
        lines = [self.summary, "", f"Condition: {self.condition}"]
        for subject in self.subjects:
            series = f", {subject.series} series" if subject.series > 1 else ""
            plot = f"  {subject.plot}" if subject.plot else ""
            taken = f", acknowledged by {subject.acknowledged_by}" if subject.acknowledged_by else ""
            since = f"since {utc(subject.since):%Y-%m-%d %H:%M:%S} UTC"
            lines.append(
                f"- {subject.key}: now {subject.value} (threshold {self.threshold}), {since}{series}{taken}{plot}"
            )
        if self.total > len(self.subjects):
            lines.append(f"- and {self.total - len(self.subjects)} more: `fleet alerts list --rule {self.rule}`")
        for heading, rows in self.evidence:
            lines += ["", f"{heading}:", *(f"- {row}" for row in rows)]
        if self.first_things_to_try and self.kind in ("firing", "repeated"):
            lines += ["", "First things to try:"]
            lines += [f"{number}. {text}" for number, text in enumerate(self.first_things_to_try, 1)]
        if self.runbook:
            lines += ["", f"Runbook: {self.runbook}"]
        return "\n".join(lines)

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Notification:
        data: dict[str, Any] = json.loads(text)
        subjects = tuple(
            Subject(**{**subject, "labels": tuple((name, value) for name, value in subject["labels"])})
            for subject in data.pop("subjects")
        )
        evidence = tuple((heading, tuple(rows)) for heading, rows in data.pop("evidence"))
        tries = tuple(data.pop("first_things_to_try"))
        return cls(**data, subjects=subjects, evidence=evidence, first_things_to_try=tries)


Evidence = Sequence[tuple[str, tuple[str, ...]]]


def compose(
    book: RuleBook,
    cell: str,
    announcements: Iterable[Announcement],
    at: float,
    evidence: Mapping[str, Evidence],
    plots: Mapping[str, str],
) -> list[Notification]:
    """Return one notification per channel, rule and kind; PagerDuty keeps incidents itself and gets one for each."""
    grouped: dict[tuple[str, Kind], list[Announcement]] = {}
    for announcement in announcements:
        grouped.setdefault((announcement.incident.rule, announcement.kind), []).append(announcement)
    notifications = []
    for (name, kind), group in grouped.items():
        rule = book.rules.get(name) or _removed(name)
        for channel in book.channels_of(rule):
            single = book.channels[channel].kind == "pagerduty"
            for part in [[one] for one in group] if single else [group]:
                notifications.append(_one(book, cell, rule, channel, kind, part, at, evidence, plots, single))
    return notifications


def _one(
    book: RuleBook,
    cell: str,
    rule: Rule,
    channel: str,
    kind: Kind,
    group: Sequence[Announcement],
    at: float,
    evidence: Mapping[str, Evidence],
    plots: Mapping[str, str],
    single: bool,
) -> Notification:
    ids = "|".join(sorted(announcement.id for announcement in group))
    bound = syntax.threshold(rule.node)
    incidents = [announcement.incident for announcement in group]
    return Notification(
        id=hashlib.sha256(f"{cell}|{channel}|{ids}".encode()).hexdigest()[:32],
        cell=cell,
        channel=channel,
        kind=kind,
        rule=rule.name,
        severity=incidents[0].severity,
        summary=rule.summary,
        condition=f"{rule.expr}" + (f" for {rule.lasting:g} s" if rule.lasting else ""),
        threshold=f"{bound[0]} {number(bound[1])}{' ' + rule.unit if rule.unit else ''}" if bound else "see condition",
        at=at,
        subjects=tuple(
            Subject(
                key=incident.key,
                labels=incident.labels,
                value=_current(incident.worst.value if incident.worst else None, rule.unit),
                since=incident.since,
                series=len(incident.members),
                acknowledged_by=incident.acknowledged_by,
                plot=plots.get(incident.key, ""),
            )
            for incident in incidents[:MOST_SUBJECTS]
        ),
        total=len(incidents),
        evidence=tuple(evidence.get(rule.name, ())),
        first_things_to_try=rule.first_things_to_try,
        runbook=book.runbook_of(rule),
        dedup=f"{cell}/{incidents[0].key}" if single else "",
    )


def _removed(name: str) -> Rule:
    """Return a stand-in for a rule that left the file while an incident of it was open."""
    return Rule.model_validate({"name": name, "expr": "fleet_alerts_blind == 1", "summary": "This rule was removed."})


def number(value: float) -> str:
    """Return a number for people: 4 significant digits, no exponent below a billion."""
    if math.isnan(value) or math.isinf(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _current(value: float | None, unit: str) -> str:
    if value is None:
        return "back to normal"
    return f"{number(value)}{' ' + unit if unit else ''}"
