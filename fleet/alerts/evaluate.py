"""How does one look at the fleet become incidents, notifications and actions?

gather -> judge -> save. Everything a look causes is written in one step onto the version it was computed from; when
another evaluator was faster, the look is computed again from what that one left, and usually finds nothing to add.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fleet.alerts import conditions, evidence, incidents, message, plots, rings, signals
from fleet.alerts.actions.plan import Request, request_id
from fleet.alerts.conditions import Conditions
from fleet.alerts.deliver import ACTION_LANE
from fleet.alerts.judge import Verdict, judge
from fleet.alerts.rules import RuleBook
from fleet.alerts.signals import Signals
from fleet.alerts.sources import Source
from fleet.alerts.states import Announcement, acknowledge
from fleet.alerts.vectors import Evaluation
from fleet.alerts.windows import Moment
from fleet.errors import Conflict, FleetError, NotFound
from fleet.store.client import Client
from fleet.telemetry import logs
from fleet.telemetry.events import Event
from fleet.telemetry.metric import sample

TRIES: Final = 20
_log = logs.get("alerts")
_EVENTS: Final = {
    "firing": Event.INCIDENT_FIRED,
    "repeated": Event.INCIDENT_FIRED,
    "acknowledged": Event.INCIDENT_ACKNOWLEDGED,
    "resolved": Event.INCIDENT_RESOLVED,
}


@dataclass(frozen=True, slots=True)
class Looked:
    """What one evaluation came to."""

    announcements: tuple[Announcement, ...]
    queued: int
    blind: Mapping[str, str]
    """Rule -> why it could not be judged."""


def evaluate(
    client: Client,
    cell: str,
    book: RuleBook,
    now: float,
    *,
    interval_seconds: float = 60.0,
    prometheus_url: str = "",
    sources: Sequence[Source] = signals.SOURCES,
) -> Looked:
    """Look once, and save what follows."""
    nodes = [rule.node for rule in book.rules.values()]
    names = rings.windowed_names(nodes)
    seen = signals.gather(client, cell, now, sources)
    for _ in range(TRIES):
        before = incidents.read(client, cell)
        fine, coarse = rings.read(client, cell, rings.longest_window(nodes))
        moment = seen.moment(names)
        history = rings.join(fine, coarse, moment)
        judged = _conditions(book, seen, history, prometheus_url)
        verdict = judge(book, judged.holding, before.incidents, before.silences, now)
        outbox = _outbox(client, cell, book, verdict, history, now)
        is_fine_due = not fine or now - fine[-1].at >= interval_seconds / 2
        is_coarse_due = not coarse or now - coarse[-1].at >= rings.COARSE_EVERY_SECONDS * 0.95
        change = incidents.Change(
            verdict.changed,
            verdict.announcements,
            outbox,
            moment=rings.encode(moment, names | rings.small(moment, nodes)) if is_fine_due else "",
            moments=rings.fine_length(interval_seconds),
            coarse=rings.encode(moment, rings.long_names(nodes)) if is_coarse_due else "",
            coarses=rings.COARSE_LENGTH,
        )
        if change.is_empty or incidents.save(client, cell, before.version, change):
            _report(verdict.announcements, judged.blind)
            return Looked(verdict.announcements, len(outbox), judged.blind)
    raise Conflict(f"incidents changed {TRIES} times while they were evaluated: are too many evaluators running?")


def take_over(client: Client, cell: str, book: RuleBook, key: str, by: str, now: float) -> Announcement | None:
    """Acknowledge an incident for somebody; None when nothing had to be announced."""
    for _ in range(TRIES):
        before = incidents.read(client, cell)
        incident = before.incidents.get(key)
        if incident is None or not incident.is_open:
            raise NotFound(f"no open incident {key!r}: `fleet alerts list` shows those that are")
        step = acknowledge(incident, by, now)
        if step.incident == incident:
            raise Conflict(f"{key} was acknowledged by {incident.acknowledged_by} already")
        notifications = message.compose(book, cell, step.announcements, now, {}, {})
        change = incidents.Change(
            {key: step.incident}, step.announcements, [(one.lane, one.to_json()) for one in notifications]
        )
        if incidents.save(client, cell, before.version, change):
            _report(step.announcements, {})
            return step.announcements[0] if step.announcements else None
    raise Conflict(f"incidents changed {TRIES} times while {key} was acknowledged: try again")


def _conditions(book: RuleBook, seen: Signals, history: Sequence[Moment], prometheus_url: str) -> Conditions:
    if not prometheus_url:
        return conditions.from_samples(book, Evaluation(history), seen.hidden)
    asked = conditions.from_prometheus(book, prometheus_url)
    blindness = sample("fleet_alerts_blind", float(bool(asked.blind)), source="prometheus")
    here = replace(seen, derived=(*seen.derived, blindness)).moment()
    watching = book.model_copy(
        update={"rules": {n: r for n, r in book.rules.items() if conditions.is_about_blindness(r)}}
    )
    local = conditions.from_samples(watching, Evaluation([*history[:-1], here]), {})
    return Conditions({**asked.holding, **local.holding}, asked.blind)


def _outbox(
    client: Client, cell: str, book: RuleBook, verdict: Verdict, history: Sequence[Moment], now: float
) -> list[tuple[str, str]]:
    shown: dict[str, message.Evidence] = {}
    drawn: dict[str, str] = {}
    looks = plots.looks(history)
    for announcement in verdict.announcements:
        incident = announcement.incident
        if incident.rule not in shown and announcement.kind in ("firing", "repeated"):
            shown[incident.rule] = _evidence(client, cell, announcement, history[-1])
        rule = book.rules.get(incident.rule)
        if rule is not None and incident.worst is not None and len(drawn) < message.MOST_SUBJECTS:
            drawn[incident.key] = plots.plot(rule, incident.worst.labels, looks)
    requests = _requests(book, verdict.announcements, now)
    for request in requests:
        note = f"{request.call.name}, asked for with id {request.id}; `fleet actions undo {request.id}` takes it back"
        shown[request.by] = (*shown.get(request.by, ()), ("Action", (note,)))
    notifications = message.compose(book, cell, verdict.announcements, now, shown, drawn)
    entries = [(notification.lane, notification.to_json()) for notification in notifications]
    return entries + [(f"{ACTION_LANE}|{request.by}", request.to_json()) for request in requests]


def _requests(book: RuleBook, announcements: Sequence[Announcement], now: float) -> list[Request]:
    """Ask once per rule for the actions of what fires; a repeat asks again, because the first one has ended since."""
    found = []
    for rule in book.rules.values():
        fires = [one for one in announcements if one.incident.rule == rule.name and one.kind in ("firing", "repeated")]
        if rule.action is not None and fires:
            identity = request_id(rule.name, "|".join(sorted(one.id for one in fires)))
            why = f"{rule.name}: {rule.summary or rule.expr}"
            subjects = tuple(dict(one.incident.labels) for one in fires)
            found.append(Request(identity, rule.action, why, rule.name, now, subjects))
    return found


def _evidence(client: Client, cell: str, announcement: Announcement, moment: Moment) -> message.Evidence:
    try:
        return evidence.collect(client, cell, announcement, moment)
    except (FleetError, ValueError, KeyError, TypeError) as error:
        return (("Evidence", (f"could not be read: {error}",)),)


def _report(announcements: Sequence[Announcement], blind: Mapping[str, str]) -> None:
    for announcement in announcements:
        incident = announcement.incident
        tell = _log.warning if announcement.kind in ("firing", "repeated") else _log.info
        tell(
            _EVENTS[announcement.kind],
            incident=incident.key,
            severity=incident.severity,
            announcement=announcement.kind,
        )
    if blind:
        _log.error(Event.SIGNAL_MISSING, rules=sorted(blind), reason=next(iter(blind.values())))
