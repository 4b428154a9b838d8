"""How are tasks submitted, looked at, waited for and cancelled over HTTP?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
from anyio.to_thread import run_sync

from fleet.gateway.exchange import Answer, Call
from fleet.gateway.identity import ALL_TENANTS, Identity
from fleet.gateway.problems import Complaint, Problem
from fleet.gateway.schemas import BulkRequest, SearchQuery, TaskRequest, WaitQuery

if TYPE_CHECKING:
    from fleet.dispatcher.submit import Submission
    from fleet.dispatcher.tasks import TaskRecord

FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.02, 0.5
ENDED = frozenset({"done", "failed", "dead", "cancelled"})
IDEMPOTENCY_HEADER = "idempotency-key"
MOST_KEY_CHARACTERS = 200


def submit(call: Call) -> Answer:
    """Hand one task to the dispatcher; 202 when accepted, 429 when deferred, 422 when refused."""
    request = call.sent(TaskRequest)
    submission = _submit(request, call.identity, request.idempotency_key or _header_key(call))
    match submission.outcome:
        case "accepted":
            return Answer(submission, 202, {"location": f"/api/v1/tasks/{submission.task_id}"})
        case "deferred":
            raise Problem(429, "deferred", submission.reason, retry_after=submission.retry_after or 1.0)
        case _:
            raise Problem(422, "refused", submission.reason)


def submit_bulk(call: Call) -> Answer:
    """Hand several tasks to the dispatcher; each has its own outcome."""
    key = _header_key(call)
    tasks = call.sent(BulkRequest).tasks
    for request in tasks:
        _tenant(request, call.identity)  # before anything is submitted
    submissions = [
        _submit(request, call.identity, request.idempotency_key or (f"{key}:{number}" if key else None))
        for number, request in enumerate(tasks)
    ]
    return Answer({"submissions": submissions}, 200)


async def read(call: Call) -> Answer:
    """Return a task; with `wait_seconds`, once it has ended or that time is over."""
    patience = call.asked(WaitQuery).wait_seconds
    until, pause = time.monotonic() + patience, FIRST_LOOK_SECONDS
    while True:
        record = await run_sync(visible, call)
        left = until - time.monotonic()
        if record.state in ENDED or left <= 0:
            return Answer(record)
        await anyio.sleep(min(pause, left))
        pause = min(pause * 2, LAST_LOOK_SECONDS)


def search(call: Call) -> Answer:
    """Return tasks that fit, newest first."""
    from fleet.dispatcher import tasks

    asked = call.asked(SearchQuery)
    tenant = None if call.identity.tenant == ALL_TENANTS else call.identity.tenant
    found = tasks.search(
        state=asked.state, task_type=asked.task_type, pool=asked.pool, tenant=tenant, limit=asked.limit
    )
    return Answer({"tasks": list(found)})


def cancel(call: Call) -> Answer:
    """Cancel a task that has not ended."""
    from fleet.dispatcher import tasks
    from fleet.secrets import audit

    record = visible(call)
    audit.record("task.cancel", record.task_id, actor=call.identity.name, source="gateway", client=call.client)
    outcome = tasks.cancel(record.task_id)
    return Answer(outcome)


def decision(call: Call) -> Answer:
    """Return why a task went where it went, as recorded."""
    record = visible(call)
    return Answer({"task_id": record.task_id, "decision": record.decision})


def visible(call: Call) -> TaskRecord:
    """Return the task of the path; another tenant's is as unknown as one that never was."""
    from fleet.dispatcher import tasks

    task_id = call.path["task_id"]
    record = tasks.read(task_id)
    if record is None or not call.identity.may_see(record.tenant):
        raise Problem(404, "not-found", f"there is no task {task_id!r}")
    return record


def _submit(request: TaskRequest, identity: Identity, key: str | None) -> Submission:
    from fleet.dispatcher.submit import submit

    return submit(
        request.task_type,
        request.payload,
        tenant=_tenant(request, identity),
        priority=request.priority,
        delay=request.delay_seconds,
        deadline=request.deadline_seconds,
        idempotency_key=key,
        complexity=request.complexity,
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
