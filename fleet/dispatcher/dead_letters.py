"""Which tasks did the fleet give up, and how are they tried again?"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import orjson

from fleet.dispatcher import envelope, signatures
from fleet.dispatcher.publish import publish_rest
from fleet.dispatcher.tasks import FIELDS, TaskRecord, _record
from fleet.errors import Conflict, NotFound
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect
from fleet.store.scripts import script


def read(limit: int = 100) -> list[TaskRecord]:
    """Return dead letters, oldest first."""
    prefix = keys.prefix(current().cell)
    client: Any = connect()
    with available():
        ids = client.zrange(f"{prefix}dead", 0, limit - 1)
        pipe = client.pipeline(transaction=False)
        for task_id in ids:
            pipe.hmget(f"{prefix}task:{task_id}", FIELDS)
        rows = pipe.execute() if ids else []
    return [_record(task_id, values) for task_id, values in zip(ids, rows, strict=True) if values[0]]


def payload(task_id: str) -> dict[str, Any]:
    """Return the payload of a task whose record is still there."""
    client: Any = connect()
    with available():
        text = client.hget(keys.task(current().cell, task_id), "envelope")
    if text is None:
        raise NotFound(f"no task {task_id}")
    body = orjson.loads(base64.b64decode(_parsed(text)["body"]))
    return dict(body[1])


def replay(task_id: str, new_payload: Mapping[str, Any] | None = None) -> str:
    """Hold a dead letter again with fresh attempts, with an edited payload if one is given; returns its state.

    Raises Conflict where messages are signed and this one's signature is not accepted (any more): workers would refuse it.
    """
    _refuse_forged(task_id)
    edited = ""
    if new_payload is not None:
        edited = _edited(task_id, new_payload)
    state, outgoing = script("dispatcher/replay.lua")(connect(), [keys.prefix(current().cell)], [task_id, edited])
    publish_rest(outgoing)
    return state or "is no dead letter"


def discard(task_id: str) -> bool:
    """Forget a dead letter; its record goes with it. Returns whether it was one."""
    prefix = keys.prefix(current().cell)
    client: Any = connect()
    with available():
        if not client.zrem(f"{prefix}dead", task_id):
            return False
        client.delete(f"{prefix}task:{task_id}")
    return True


def _edited(task_id: str, new_payload: Mapping[str, Any]) -> str:
    from fleet import catalogue
    from fleet.catalogue.load import payload_model
    from fleet.dispatcher.submit import encode_payload

    key = keys.task(current().cell, task_id)
    client: Any = connect()
    with available():
        text, task_type = client.hmget(key, "envelope", "type")
    if text is None or task_type is None:
        raise NotFound(f"no task {task_id}")
    encoded = encode_payload(task_type, new_payload, payload_model(catalogue.current(), task_type))
    old = _parsed(text)
    args, _, embed = orjson.loads(base64.b64decode(old["body"]))
    body = base64.b64encode(b"[" + orjson.dumps(args) + b"," + encoded + b"," + orjson.dumps(embed) + b"]").decode()
    headers, changed = old["headers"], str(text).replace(old["body"], body)
    signed = signatures.stamped(task_id, task_type, args, encoded, embed)
    for name, new in {"kwargsrepr": envelope.shown(encoded), **signed}.items():
        if name in headers:
            changed = changed.replace(_field(name, headers[name]), _field(name, new), 1)
    return changed


def _field(name: str, value: str) -> str:
    return f'"{name}":{orjson.dumps(value).decode()}'


def _refuse_forged(task_id: str) -> None:
    if not current().broker.sign_messages:
        return
    client: Any = connect()
    with available():
        text, task_type = client.hmget(keys.task(current().cell, task_id), "envelope", "type")
    if text is None:
        return
    message = _parsed(text)
    args, kwargs, embed = orjson.loads(base64.b64decode(message["body"]))
    if why := signatures.refusal(SimpleNamespace(**{**embed, **message["headers"]}), task_type, args, kwargs):
        raise Conflict(f"task {task_id} cannot run again: {why}; see its payload with `fleet tasks dead show {task_id}` and submit it anew")


def _parsed(envelope: str) -> dict[str, Any]:
    return dict(orjson.loads(envelope.replace("\x1f", "0").replace("\x1e", "")))
