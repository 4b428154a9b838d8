"""How are tasks submitted, looked at, waited for and cancelled over HTTP?"""

from __future__ import annotations

import time
from contextvars import copy_context
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, assert_never

import anyio

from fleet.dispatcher.handle import TaskHandle
from fleet.gateway.exchange import Answer, Call
from fleet.gateway.identity import ALL_TENANTS, Identity
from fleet.gateway.problems import Complaint, Problem
from fleet.gateway.schemas import BulkRequest, SearchQuery, TaskRequest, WaitQuery
from fleet.gateway.threads import aside
from fleet.telemetry import tracing

if TYPE_CHECKING:
    from fleet.dispatcher.submit import TaskRequest as Wish
    from fleet.dispatcher.tasks import Ended, TaskRecord

FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.02, 0.5
OVER = frozenset({"done", "failed", "dead", "cancelled"})
IDEMPOTENCY_HEADER = "idempotency-key"
MOST_KEY_CHARACTERS = 200
MOST_UNDER_WAY = 2000


async def submit(call: Call) -> Answer:
    """Hand one task to the dispatcher; 202 when accepted, 429 when deferred, 422 when refused."""
    from fleet.dispatcher import traced
    from fleet.dispatcher.cells import routing
    from fleet.dispatcher.submit import encode, send

    request = call.sent(TaskRequest)
    wish = _wish(request, call.identity, request.idempotency_key or _header_key(call))
    if routing.is_many():
        with traced.submitting(wish.task_type, wish.tenant, call.headers):
            submission = await aside(routing.routed, wish.tenant, wish.task_type, lambda: send([encode(wish)])[0])
    elif not tracing.is_on():
        submission = await call.trips.submit(partial(encode, wish))
    else:
        with traced.submitting(wish.task_type, wish.tenant, call.headers):
            submission = await call.trips.submit(partial(copy_context().run, encode, wish))
    match submission.answer:
        case "accepted":
            return Answer(submission.as_dict(), 202, {"location": f"/api/v1/tasks/{submission.task_id}"})
        case "deferred":
            raise Problem(429, "deferred", submission.reason, retry_after=submission.retry_after_seconds)
        case "refused":
            raise Problem(422, "refused", submission.reason)
        case "drained":
            raise Problem(429, "deferred", "the fleet's only cell is drained", retry_after=routing.CLOSED_SECONDS)
        case never:
            assert_never(never)


def submit_bulk(call: Call) -> Answer:
    """Hand several tasks to the dispatcher; each has its own outcome."""
    from fleet.dispatcher.submit import submit_many

    key = _header_key(call)
    wishes = [
        _wish(request, call.identity, request.idempotency_key or (f"{key}:{number}" if key else ""))
        for number, request in enumerate(call.sent(BulkRequest).tasks)
    ]
    with tracing.within(tracing.extract(call.headers)):
        return Answer({"submissions": [_outcome(answer) for answer in submit_many(wishes)]})


async def read(call: Call) -> Answer:
    """Return a task; with `wait_seconds`, once it has ended or that time is over."""
    patience = call.asked(WaitQuery).wait_seconds
    until, pause = time.monotonic() + patience, FIRST_LOOK_SECONDS
    while True:
        record, result = await look(call)
        left = until - time.monotonic()
        if record.state in OVER or left <= 0:
            return Answer(record.as_dict() | ({"result": result} if record.state == "done" else {}))
        await anyio.sleep(min(pause, left))
        pause = min(pause * 2, LAST_LOOK_SECONDS)


def search(call: Call) -> Answer:
    """Return tasks that fit: those under way first, then ended ones, newest first."""
    from fleet.dispatcher import tasks
    from fleet.dispatcher.cells import routing

    asked = call.asked(SearchQuery)
    tenant = "" if call.identity.tenant == ALL_TENANTS else call.identity.tenant
    state, task_type, pool = asked.state or "", asked.task_type or "", asked.pool or ""
    found: list[TaskRecord | Ended] = []
    if state not in OVER:
        found += [
            record
            for _ in routing.each_answering()
            for record in tasks.live(MOST_UNDER_WAY)
            if all(
                not wanted or has == wanted
                for wanted, has in (
                    (state, record.state),
                    (task_type, record.task_type),
                    (pool, record.pool),
                    (tenant, record.tenant),
                )
            )
        ]
    if not state or state in OVER:
        ended = [
            row
            for _ in routing.each_answering()
            for row in tasks.search(task_type=task_type, tenant=tenant, pool=pool, state=state, limit=asked.limit)
        ]
        found += sorted(ended, key=attrgetter("ended_at"), reverse=True)
    return Answer({"tasks": found[: asked.limit]})


def cancel(call: Call) -> Answer:
    """Cancel a task that has not ended."""
    from fleet.dispatcher import tasks
    from fleet.dispatcher.cells import routing
    from fleet.secrets import audit

    record = visible(call)
    if record.state in OVER:
        raise Problem(409, "task-over", f"the task is {record.state} already")
    by = call.identity.name
    audit.record("task.cancel", record.task_id, actor=by, source="gateway", client=call.client, cell=call.cell)
    with routing.holding(record.task_id):
        return Answer({"task_id": record.task_id, "was": tasks.cancel(record.task_id, f"cancelled by {by}")})


def decision(call: Call) -> Answer:
    """Return why a task went where it went, as recorded."""
    from fleet.dispatcher import explanation
    from fleet.dispatcher.cells import routing

    record = visible(call)
    with routing.holding(record.task_id):
        said = explanation.explain(record.task_id).lines()
    return Answer({"task_id": record.task_id, "decision": record.decision, "said": said})


async def look(call: Call) -> tuple[TaskRecord, object]:
    """Return the task of the path and its result; another tenant's is as unknown as one that never was."""
    from fleet.dispatcher.cells import routing

    if routing.is_many():
        return await aside(_looked_up, call)
    found = await call.trips.look(call.path["task_id"])
    return _shown(call, found[0] if found else None), found and found[1]


def _looked_up(call: Call) -> tuple[TaskRecord, object]:
    from fleet.dispatcher import results
    from fleet.dispatcher.cells import routing

    with routing.holding(call.path["task_id"]):
        record = visible(call)
        return record, results.of(record.task_id).result if record.state == "done" else None


def visible(call: Call) -> TaskRecord:
    """Return the task of the path, from a thread."""
    from fleet.dispatcher import tasks
    from fleet.dispatcher.cells import routing

    with routing.holding(call.path["task_id"]):
        return _shown(call, tasks.read(call.path["task_id"]))


def _shown(call: Call, record: TaskRecord | None) -> TaskRecord:
    if record is None or not call.identity.may_see(record.tenant):
        raise Problem(404, "not-found", f"there is no task {call.path['task_id']!r}")
    return record


def _outcome(answer: TaskHandle | Exception) -> dict[str, object]:
    if isinstance(answer, TaskHandle):
        return answer.submission.as_dict()
    return {"answer": "refused", "task_id": "", "pool": None, "reason": str(answer), "retry_after_seconds": 0.0}


def _wish(request: TaskRequest, identity: Identity, key: str | None) -> Wish:
    from fleet.dispatcher.submit import TaskRequest as Wish

    return Wish(
        request.task_type,
        request.payload,
        tenant=_tenant(request, identity),
        priority=request.priority,
        delay_seconds=request.delay_seconds,
        deadline_seconds=request.deadline_seconds,
        idempotency_key=key or "",
        complexity=request.complexity,
        size_hint=request.size_seconds,
    )


def _tenant(request: TaskRequest, identity: Identity) -> str:
    if identity.tenant == ALL_TENANTS:
        return request.tenant or "default"
    if request.tenant not in (None, identity.tenant):
        raise Problem(403, "other-tenant", f"this credential submits for tenant {identity.tenant!r} only")
    return identity.tenant


def _header_key(call: Call) -> str | None:
    key = call.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and not (0 < len(key) <= MOST_KEY_CHARACTERS and key.isascii() and key.isprintable()):
        text = f"1 to {MOST_KEY_CHARACTERS} printable characters"
        raise Problem(
            422, "invalid-request", f"Idempotency-Key must be {text}", [Complaint("/headers/idempotency-key", text)]
        )
    return key
