"""How does an operator act on the fleet over HTTP?

Actions of the alerts package end by themselves and can be undone; acts are done at once, and have an opposite. Both are on record
under the caller's name.
"""

from __future__ import annotations

import secrets
import time

from fleet.gateway.exchange import Answer, Call
from fleet.gateway.problems import Problem
from fleet.gateway.schemas import ActRequest, EmergencyRequest, ScaleUpRequest


def scale_up(call: Call) -> Answer:
    """Raise a pool's floor for a time."""
    wish = call.sent(ScaleUpRequest)
    parameters = {"name": "scale_up", "lasts": wish.minutes * 60, "replicas": wish.replicas}
    return _take(call, parameters, wish.why, ({"pool": wish.pool},))


def emergency_on(call: Call) -> Answer:
    """Throttle the admission of ordinary tasks for a time."""
    wish = call.sent(EmergencyRequest)
    lasts = wish.minutes * 60
    parameters = {"name": "immediate_intervention", "lasts": lasts, "admitted_share": wish.admitted_share}
    return _take(call, parameters, wish.why, ())


def act(call: Call) -> Answer:
    """Acknowledge an incident, drain a worker, or undrain it."""
    from fleet.diagnostics import acts

    wish = call.sent(ActRequest)
    source = f"gateway, {call.identity.how}"
    done = acts.act(acts.Wish(wish.verb, wish.target, call.identity.name, source, wish.why))
    if not done.is_done:
        raise Problem(409, "act-refused", done.said)
    return Answer(done)


def undo(call: Call) -> Answer:
    """End an action before its time and give back what stood there."""
    from fleet.alerts.actions import register
    from fleet.secrets import audit

    action_id = call.path["action_id"]
    results = register.undo(call.client, call.cell, action_id, call.identity.name, audit.record, time.time())
    return Answer({"id": action_id, "results": results})


def actions(call: Call) -> Answer:
    """Return the actions in force."""
    from fleet.alerts.actions import register

    return Answer({"actions": register.active(call.client, call.cell)})


def _take(call: Call, parameters: dict[str, object], why: str, subjects: tuple[dict[str, str], ...]) -> Answer:
    from fleet import catalogue
    from fleet.alerts.actions import register
    from fleet.alerts.actions.plan import Request
    from fleet.alerts.rules import ActionCall
    from fleet.alerts.view import gather
    from fleet.secrets import audit

    now = time.time()
    wish = ActionCall.model_validate(parameters)
    request = Request(secrets.token_hex(6), wish, why, call.identity.name, now, subjects)
    view = gather(call.client, call.cell, catalogue.current(), now)
    taken = register.take(call.client, call.cell, request, view, audit.record)
    if not taken.in_force:
        raise Problem(409, "action-refused", taken.reason)
    return Answer({"id": taken.id, "in_force": taken.in_force, "reason": taken.reason}, 202)
