"""What is known about a task, and how is it taken back?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from fleet.dispatcher.contracts import BUILD_HEADER
from fleet.dispatcher.profile import value
from fleet.dispatcher.publish import publish_rest
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect
from fleet.store.scripts import resident

OVER = frozenset({"done", "failed", "dead", "cancelled"})


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task as recorded; times are seconds since the epoch by the server's clock, None while they lie ahead."""

    task_id: str
    task_type: str
    tenant: str
    state: str
    attempt: int
    priority: int
    pool: str
    worker: str
    strategy: str
    size_seconds: float
    submitted_at: float
    held_at: float | None = None
    released_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    reason: str = ""
    excluded: tuple[str, ...] = ()
    losses: int = 0
    progress: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, Any] = field(default_factory=dict)
    contract: int = 1

    @property
    def wait_seconds(self) -> float | None:
        return None if self.started_at is None else self.started_at - self.submitted_at

    @property
    def run_seconds(self) -> float | None:
        return None if self.started_at is None or self.ended_at is None else self.ended_at - self.started_at

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in SHOWN}


SHOWN = (*(field.name for field in fields(TaskRecord)), "wait_seconds", "run_seconds")

FIELDS = (
    "type", "tenant", "state", "attempt", "priority", "pool", "worker", "profile", "size", "submitted", "held", "released",
    "started", "ended", "reason", "excluded", "losses", "progress", "decision",
)  # fmt: skip


def read(task_id: str) -> TaskRecord | None:
    """Return the record, or None when there is none (any more)."""
    with available():
        values = connect().hmget(keys.task(current().cell, task_id), FIELDS)
    return _record(task_id, values) if values[0] else None


def look(task_ids: Sequence[str]) -> list[tuple[TaskRecord, Any] | None]:
    """Return each task's record with its result (None while it is not done) in one round trip; None where nothing is known."""
    from fleet.app import app

    pipe = connect(decode=False).pipeline(transaction=False)
    for task_id in task_ids:
        pipe.hmget(keys.task(current().cell, task_id), FIELDS)
        pipe.get(app.backend.get_key_for_task(task_id))
    with available():
        rows = pipe.execute()
    return [
        (record, app.backend.decode_result(kept)["result"] if kept and record.state == "done" else None)
        if values[0] and (record := _record(task_id, [value and value.decode() for value in values]))
        else None
        for task_id, values, kept in zip(task_ids, rows[::2], rows[1::2], strict=True)
    ]


def made_by(task_id: str) -> str:
    """Return the build of the producer, as its message says; empty when that is gone."""
    with available():
        text = connect().hget(keys.task(current().cell, task_id), "envelope")
    found = re.search(rf'"{BUILD_HEADER}": ?"([^"]*)"', str(text or ""))
    return found[1] if found else ""


def unknown(task_ids: Sequence[str]) -> list[str]:
    """Return those the store has no record of: never accepted, lost with the store's data, or over for `result_seconds`."""
    client: Any = connect()
    missing: list[str] = []
    for start in range(0, len(task_ids), 1000):
        some = task_ids[start : start + 1000]
        with available():
            pipe = client.pipeline(transaction=False)
            for task_id in some:
                pipe.exists(keys.task(current().cell, task_id))
            missing += [task_id for task_id, found in zip(some, pipe.execute(), strict=True) if not found]
    return missing


def _record(task_id: str, values: list[Any]) -> TaskRecord:
    row = dict(zip(FIELDS, values, strict=True))

    def at(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    return TaskRecord(
        task_id, row["type"], row["tenant"] or "", row["state"] or "", int(row["attempt"] or 0), int(row["priority"] or 0),
        row["pool"] or "", row["worker"] or "", value(row["profile"], "strategy"), float(row["size"] or 0), float(row["submitted"] or 0),
        at("held"), at("released"), at("started"), at("ended"), row["reason"] or "",
        tuple(filter(None, (row["excluded"] or "").split(","))), int(row["losses"] or 0),
        json.loads(row["progress"] or "{}"), json.loads(row["decision"] or "{}"),
        int(value(row["profile"], "contract") or 1),
    )  # fmt: skip


def cancel(task_id: str, why: str) -> str:
    """Cancel a task: held and released ones at once, a running one is fenced off and its process told to stop.

    Returns the state it was in, or 'unknown'.
    """
    state = withdraw(task_id, why, even_running=True)
    if state == "running":
        from fleet.app import app

        app.control.stop_process(task_id)
    return state


def withdraw(task_id: str, why: str, *, even_running: bool) -> str:
    """End the task's record, of a running task only if told so; returns the state it was in, or 'unknown'."""
    arguments = [task_id, why, "" if even_running else "1"]
    state, outgoing = resident("dispatcher/cancel.lua")(connect(), [keys.prefix(current().cell)], arguments)
    publish_rest(outgoing)
    return state or "unknown"


@dataclass(frozen=True, slots=True)
class Ended:
    """One row of the history."""

    task_id: str
    task_type: str
    tenant: str
    pool: str
    state: str
    attempt: int
    submitted_at: float
    started_at: float | None
    ended_at: float
    reason: str
    trace_id: str = ""
    """The trace it was recorded in; empty when it was not."""


def search(
    *, task_type: str = "", tenant: str = "", pool: str = "", state: str = "", since: float = 0.0, until: float = 0.0,
    limit: int = 50,
) -> list[Ended]:  # fmt: skip
    """Return ended tasks, newest first, that match everything given; times are seconds since the epoch, 0: no bound."""
    wanted = {"type": task_type, "tenant": tenant, "pool": pool, "state": state}
    found: list[Ended] = []
    for row in _history(since, until):
        if all(not value or row.get(name) == value for name, value in wanted.items()):
            found.append(
                Ended(
                    row["id"], row["type"], row["tenant"], row["pool"], row["state"], int(row["attempt"]), float(row["submitted"] or 0),
                    float(row["started"]) if row["started"] else None, float(row["ended"]), row["reason"],
                    row.get("trace", ""),
                )
            )  # fmt: skip
            if len(found) >= limit:
                break
    return found


def _history(since: float, until: float) -> Iterator[Mapping[str, str]]:
    client, stream = connect(), f"{keys.prefix(current().cell)}history"
    newest = f"{int(until * 1000)}" if until else "+"
    while True:
        with available():
            page: Any = client.xrevrange(stream, max=newest, min=f"{int(since * 1000)}", count=500)
        if not page:
            return
        for _, row in page:
            yield row
        newest = f"({page[-1][0]}"


def live(limit: int = 200) -> list[TaskRecord]:
    """Return tasks that are held, delayed, released or running, as far as the limit goes."""
    prefix = keys.prefix(current().cell)
    client: Any = connect()
    with available():
        ids: list[str] = list(client.zrange(f"{prefix}released", 0, limit))
        for worker in client.zrange(f"{prefix}workers", 0, -1):
            ids += client.smembers(f"{prefix}running:{worker}")
        for lane in client.smembers(f"{prefix}lanes"):
            ids += client.zrange(f"{prefix}held:{lane}", 0, limit)
        ids += client.zrange(f"{prefix}delayed", 0, limit)
        ids += client.zrange(f"{prefix}parked", 0, limit)
        pipe = client.pipeline(transaction=False)
        for task_id in ids[:limit]:
            pipe.hmget(f"{prefix}task:{task_id}", FIELDS)
        rows = pipe.execute()
    return [_record(task_id, values) for task_id, values in zip(ids, rows, strict=False) if values[0]]
