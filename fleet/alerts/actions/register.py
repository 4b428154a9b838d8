"""Which actions are in force, and how does one begin and end?

Plans come from the actions, effects go to Redis in one step with what stood there before. Every beginning and end is
audited first; what cannot be recorded does not happen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, Final, Protocol, cast

from fleet.alerts.actions.plan import Plan, Request, View
from fleet.errors import NotFound
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.scripts import script
from fleet.telemetry import logs
from fleet.telemetry.events import Event

BUNDLE_SECONDS: Final = 7 * 86_400
TTL: Final = "its time is over"
_SEQUENCE = "#seq"
_log = logs.get("alerts")


class Audit(Protocol):
    """Record who does what; raises when it cannot be recorded."""

    def __call__(self, action: str, target: str, *, actor: str | None, detail: Mapping[str, object]) -> object: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a request: the plan, and whether it is in force."""

    id: str
    plan: Plan
    in_force: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Action:
    """An action in force."""

    id: str
    name: str
    summary: str
    why: str
    by: str
    at: float
    until: float
    effects: tuple[Mapping[str, Any], ...]
    has_bundle: bool


def plan(request: Request, view: View) -> Plan:
    """Return what the action would do; changes nothing."""
    module = import_module(f"fleet.alerts.actions.{request.call.name}")
    return cast(Plan, module.plan(request, view))


def take(client: Client, cell: str, request: Request, view: View, audit: Audit, bundle: str = "") -> Taken:
    """Begin an action, unless it is refused, known already, or too many of its kind are in force."""
    planned = plan(request, view)
    name = request.call.name
    if planned.refused:
        _log.warning(Event.ACTION_FAILED, action=name, action_id=request.id, reason=planned.refused)
        return Taken(request.id, planned, False, planned.refused)
    audit("action.take", f"{name}/{request.id}", actor=request.by, detail={"why": request.why, "plan": planned.summary})
    record = {
        "id": request.id,
        "name": name,
        "why": request.why,
        "by": request.by,
        "at": request.at,
        "until": planned.until or request.until,
        "summary": planned.summary,
        "most_active": planned.most_active,
        "expiring_key": planned.expiring_key,
        "bundle": False,
        "effects": [asdict(effect) for effect in planned.effects],
    }
    arguments = [json.dumps(record), bundle, BUNDLE_SECONDS]
    answer, active = script("alerts/actions/take.lua")(client, [keys.prefix(cell)], arguments)
    reasons = {
        "taken": planned.summary,
        "known": "this very action was taken before",
        "full": f"{active} of this action are in force already: undo one first",
    }
    _log.info(Event.ACTION_TAKEN, action=name, action_id=request.id, answer=answer, plan=planned.summary, by=request.by)
    return Taken(request.id, planned, answer in ("taken", "known"), reasons[answer])


def undo(client: Client, cell: str, action_id: str, by: str, audit: Audit, now: float) -> list[Mapping[str, str]]:
    """End an action and give back what stood there; say for each field what became of it."""
    if action_id not in {action.id for action in active(client, cell)}:
        raise NotFound(f"action {action_id!r} is not in force: `fleet actions list` shows those that are")
    audit("action.undo", action_id, actor=by, detail={})
    return _end(client, cell, action_id, by, now)


def sweep(client: Client, cell: str, now: float, audit: Audit) -> list[str]:
    """End every action whose time is over; return their ids."""
    over = [action for action in active(client, cell) if action.until <= now]
    for action in over:
        audit("action.end", action.id, actor=None, detail={"why": TTL})
        _end(client, cell, action.id, TTL, now)
    return [action.id for action in over]


def active(client: Client, cell: str) -> list[Action]:
    """Return the actions in force, oldest first."""
    with available():
        rows = cast("dict[str, str]", client.hgetall(keys.prefix(cell) + "actions"))
    rows.pop(_SEQUENCE, None)
    return sorted((_action(json.loads(text)) for text in rows.values()), key=lambda action: action.at)


def past(client: Client, cell: str, count: int) -> list[Mapping[str, Any]]:
    """Return what was taken and undone, newest first."""
    with available():
        rows = cast(
            "list[tuple[str, dict[str, str]]]", client.xrevrange(keys.prefix(cell) + "action_history", count=count)
        )
    return [{"verb": fields["verb"], **json.loads(fields["action"])} for _, fields in rows]


def bundle(client: Client, cell: str, action_id: str) -> Mapping[str, Any]:
    """Return what a performance investigation collected."""
    with available():
        text = cast("str | None", client.get(f"{keys.prefix(cell)}bundle:{action_id}"))
    if text is None:
        raise NotFound(f"there is no bundle of action {action_id!r}: bundles are kept for 7 days")
    return cast("Mapping[str, Any]", json.loads(text))


def _end(client: Client, cell: str, action_id: str, by: str, now: float) -> list[Mapping[str, str]]:
    arguments: Sequence[Any] = [action_id, by, f"{now:.3f}", "" if by == TTL else "1"]
    text = script("alerts/actions/undo.lua")(client, [keys.prefix(cell)], arguments)
    results: list[Mapping[str, str]] = json.loads(text) if text else []
    _log.info(Event.ACTION_UNDONE, action_id=action_id, by=by, results=results)
    return results


def _action(data: Mapping[str, Any]) -> Action:
    return Action(
        id=data["id"],
        name=data["name"],
        summary=data["summary"],
        why=data["why"],
        by=data["by"],
        at=data["at"],
        until=data["until"],
        effects=tuple(data["effects"] or ()),
        has_bundle=bool(data.get("bundle")),
    )
