"""What becomes of an incident when the world is looked at again?

Pure: pending -> firing -> acknowledged -> resolved. An incident stands for one rule and one set of group labels; the
series for which the condition holds are its members, each with its own clock for the rule's `for`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from fleet.alerts.rules import Inhibition, Rule, Severity
from fleet.alerts.windows import Labels, Vector

Status = Literal["pending", "firing", "acknowledged", "resolved"]
Kind = Literal["firing", "repeated", "acknowledged", "resolved"]

MOST_MEMBERS: Final = 50
FLAPPING_FIRES: Final = 3
FLAPPING_WINDOW_SECONDS: Final = 3600.0
FLAPPING_CALM_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Member:
    """One series for which the condition holds."""

    labels: Labels
    value: float
    since: float


@dataclass(frozen=True, slots=True)
class Incident:
    key: str
    rule: str
    labels: Labels
    severity: Severity
    status: Status
    since: float
    """When the condition began to hold."""
    seen_at: float
    members: tuple[Member, ...] = ()
    episode: int = 0
    """Counts the times it fired; part of every notification's id."""
    fired_at: float = 0.0
    clear_since: float = 0.0
    """When the condition ceased to hold; 0 while it holds."""
    resolved_at: float = 0.0
    acknowledged_by: str = ""
    acknowledged_at: float = 0.0
    announced: bool = False
    """Whether channels were told of this episode."""
    announced_at: float = 0.0
    tellings: int = 0
    recent_fires: tuple[float, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.status in ("firing", "acknowledged")

    @property
    def is_flapping(self) -> bool:
        return len(self.recent_fires) >= FLAPPING_FIRES

    @property
    def worst(self) -> Member | None:
        """Return the member that has held longest."""
        return min(self.members, key=lambda member: member.since, default=None)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A transition that channels must hear of, exactly once; `id` is the same whoever computes it."""

    kind: Kind
    incident: Incident

    @property
    def id(self) -> str:
        text = f"{self.incident.key}|{self.incident.episode}|{self.kind}|{self.incident.tellings}"
        return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Step:
    """What advancing an incident came to; no incident: forget it."""

    incident: Incident | None
    announcements: tuple[Announcement, ...] = ()


def key_of(rule: str, labels: Labels) -> str:
    """Return an incident's name: `rule` or `rule{pool=fast}`."""
    return rule + ("{" + ",".join(f"{name}={value}" for name, value in labels) + "}" if labels else "")


def group(rule: Rule, holding: Vector) -> Mapping[Labels, Vector]:
    """Split the series for which the condition holds into incidents by the rule's group labels."""
    groups: dict[Labels, Vector] = {}
    for labels, value in holding.items():
        if rule.by is None:
            mine = tuple(pair for pair in labels if pair[0] != "agent_id")
        else:
            mine = tuple(pair for pair in labels if pair[0] in rule.by)
        groups.setdefault(mine, {})[labels] = value
    return groups


def advance(rule: Rule, labels: Labels, before: Incident | None, holding: Vector, now: float, *, muted: bool) -> Step:
    """Move one incident on; `muted` (silenced or inhibited) keeps it quiet but alive."""
    step = move(rule, labels, before, holding, now)
    return step if muted else announce(rule, step, now)


def move(rule: Rule, labels: Labels, before: Incident | None, holding: Vector, now: float) -> Step:
    """Move one incident on, quietly; only its end is announced here, to whoever heard of its beginning."""
    if before is not None and now < before.seen_at:
        return Step(before)  # an evaluator whose clock or queue is late must not move time back
    if not holding:
        return _clear(rule, before, now)
    return Step(_hold(rule, labels, before, holding, now))


def announce(rule: Rule, step: Step, now: float) -> Step:
    """Tell of a firing incident that nobody heard of yet, or not for the repeat interval."""
    current = step.incident
    if current is None or current.status != "firing" or now < current.seen_at:
        return step
    if not current.announced:
        told = replace(current, announced=True, announced_at=now, tellings=1)
        return Step(told, (Announcement("firing", told),))
    if not current.clear_since and now - current.announced_at >= rule.repeat:
        told = replace(current, announced_at=now, tellings=current.tellings + 1)
        return Step(told, (Announcement("repeated", told),))
    return step


def acknowledge(incident: Incident, by: str, now: float) -> Step:
    """Somebody took it: repeats stop until it is resolved. Anything but a firing incident stays as it is."""
    if incident.status != "firing":
        return Step(incident)
    taken = replace(incident, status="acknowledged", acknowledged_by=by, acknowledged_at=now)
    return Step(taken, (Announcement("acknowledged", taken),) if taken.announced else ())


def end(incident: Incident, now: float) -> Step:
    """Resolve whatever its condition says, because its rule is gone."""
    if not incident.is_open:
        return Step(None)
    over = replace(incident, status="resolved", resolved_at=now, seen_at=now, members=())
    return Step(over, (Announcement("resolved", over),) if over.announced else ())


def inhibited(incident: Incident, open_incidents: Iterable[Incident], inhibitions: Iterable[Inhibition]) -> str:
    """Return the key of the incident that mutes this one, or an empty text."""
    for inhibition in inhibitions:
        if incident.rule not in inhibition.mutes:
            continue
        mine = dict(incident.labels)
        for source in open_incidents:
            theirs = dict(source.labels)
            if source.rule == inhibition.source and all(
                mine.get(name) == theirs.get(name) for name in inhibition.equal
            ):
                return source.key
    return ""


def _hold(rule: Rule, labels: Labels, before: Incident | None, holding: Vector, now: float) -> Incident:
    known = {member.labels: member.since for member in before.members} if before is not None else {}
    members = sorted(
        (Member(series, value, known.get(series, now)) for series, value in holding.items()),
        key=lambda member: (member.since, member.labels),
    )[:MOST_MEMBERS]
    if before is None or before.status == "resolved":
        fires = _recent(before.recent_fires, now) if before is not None else ()
        episode = before.episode if before is not None else 0
        key = key_of(rule.name, labels)
        before = Incident(
            key, rule.name, labels, rule.severity, "pending", now, now, episode=episode, recent_fires=fires
        )
    current = replace(before, severity=rule.severity, members=tuple(members), seen_at=now, clear_since=0.0)
    if current.status == "pending" and now - members[0].since >= rule.lasting:
        fires = (*_recent(current.recent_fires, now), now)
        return replace(current, status="firing", fired_at=now, episode=current.episode + 1, recent_fires=fires)
    return current


def _clear(rule: Rule, before: Incident | None, now: float) -> Step:
    if before is None:
        return Step(None)
    if before.status == "resolved" or before.status == "pending":
        # Recent fires are kept for a while, so that flapping can be told from news.
        fires = _recent(before.recent_fires, now)
        if not fires:
            return Step(None)
        return Step(replace(before, status="resolved", seen_at=now, recent_fires=fires, members=()))
    calm = max(rule.resolve_after, FLAPPING_CALM_SECONDS if before.is_flapping else 0.0)
    clear_since = before.clear_since or now
    if now - clear_since < calm:
        return Step(replace(before, seen_at=now, clear_since=clear_since))
    over = replace(before, status="resolved", resolved_at=now, seen_at=now, clear_since=clear_since, members=())
    return Step(over, (Announcement("resolved", over),) if over.announced else ())


def _recent(fires: tuple[float, ...], now: float) -> tuple[float, ...]:
    return tuple(at for at in fires if now - at < FLAPPING_WINDOW_SECONDS)
