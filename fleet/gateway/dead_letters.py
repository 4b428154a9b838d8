"""How are dead letters listed, inspected, edited, tried again and forgotten over HTTP?

What a tenant's producer gave up on is that producer's business; another tenant's dead letter is as unknown as one that
never was. Each act is on record before it is done. Of many at once, each has its own outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fleet.errors import Conflict
from fleet.gateway.exchange import Answer, Call
from fleet.gateway.identity import ALL_TENANTS
from fleet.gateway.problems import Problem
from fleet.gateway.schemas import DeadLetterChoice, DeadLetterQuery, ReplayRequest

if TYPE_CHECKING:
    from fleet.dispatcher.tasks import TaskRecord

MOST = 100_000
NONE = "is no dead letter"


def listed(call: Call) -> Answer:
    """Return dead letters, oldest first."""
    asked = call.asked(DeadLetterQuery)
    return Answer({"dead_letters": [row.as_dict() for row in _fitting(call, asked.task_type, asked.tenant, asked.reason)[: asked.limit]]})


def show(call: Call) -> Answer:
    """Return one dead letter: why it died, where it has been, and the payload it carries."""
    from fleet.dispatcher import dead_letters
    from fleet.dispatcher.cells import routing

    with routing.holding(call.path["task_id"]):
        record = _dead(call)
        return Answer(record.as_dict() | {"payload": dead_letters.payload(record.task_id)})


def replay(call: Call) -> Answer:
    """Run a dead letter again with fresh attempts; with an edited payload, when one is sent."""
    from fleet.dispatcher import dead_letters
    from fleet.dispatcher.cells import routing

    payload = call.sent(ReplayRequest).payload
    with routing.holding(call.path["task_id"]):
        task_id = _dead(call).task_id
        _record(call, "task.replay", task_id, {"edited": payload is not None})
        state = dead_letters.replay(task_id, payload)
    if state == NONE:
        raise _unknown(call)
    return Answer({"task_id": task_id, "state": state})


def discard(call: Call) -> Answer:
    """Forget a dead letter for good, with its record."""
    from fleet.dispatcher import dead_letters
    from fleet.dispatcher.cells import routing

    with routing.holding(call.path["task_id"]):
        task_id = _dead(call).task_id
        _record(call, "task.discard", task_id)
        if not dead_letters.discard(task_id):
            raise _unknown(call)
    return Answer({"task_id": task_id, "state": "discarded"})


def replay_many(call: Call) -> Answer:
    """Run many dead letters again: those named, or those that fit."""
    from fleet.dispatcher import dead_letters

    return _each(call, "task.replay", dead_letters.replay)


def discard_many(call: Call) -> Answer:
    """Forget many dead letters for good: those named, or those that fit."""
    from fleet.dispatcher import dead_letters

    return _each(call, "task.discard", lambda task_id: "discarded" if dead_letters.discard(task_id) else NONE)


def _each(call: Call, action: str, act: Callable[[str], str]) -> Answer:
    from fleet.dispatcher.cells import routing

    chosen = call.sent(DeadLetterChoice)
    fitting = [row.task_id for row in _fitting(call, chosen.task_type, chosen.tenant, chosen.reason)]
    wanted = chosen.task_ids if chosen.task_ids is not None else fitting[: chosen.limit]
    known, states = set(fitting), {}
    for task_id in dict.fromkeys(wanted):
        if task_id not in known:
            states[task_id] = NONE
            continue
        with routing.holding(task_id):
            _record(call, action, task_id)
            try:
                states[task_id] = act(task_id)
            except Conflict as error:
                states[task_id] = str(error)
    return Answer({"states": states, "left": len(known - states.keys())})


def _fitting(call: Call, task_type: str | None, tenant: str | None, reason: str) -> list[TaskRecord]:
    from fleet.dispatcher import dead_letters
    from fleet.dispatcher.cells import routing

    own = None if call.identity.tenant == ALL_TENANTS else call.identity.tenant
    return [
        row
        for _ in routing.each_answering()
        for row in dead_letters.read(MOST)
        if task_type in (None, row.task_type) and tenant in (None, row.tenant) and own in (None, row.tenant) and reason in row.reason
    ]


def _dead(call: Call) -> TaskRecord:
    from fleet.dispatcher import tasks

    record = tasks.read(call.path["task_id"])
    if record is None or record.state != "dead" or not call.identity.may_see(record.tenant):
        raise _unknown(call)
    return record


def _unknown(call: Call) -> Problem:
    return Problem(404, "not-found", f"there is no dead letter {call.path['task_id']!r}: GET /api/v1/dead-letters lists them")


def _record(call: Call, action: str, task_id: str, detail: dict[str, object] | None = None) -> None:
    from fleet.secrets import audit

    audit.record(action, task_id, actor=call.identity.name, source="gateway", detail=detail or {}, client=call.client, cell=call.cell)
