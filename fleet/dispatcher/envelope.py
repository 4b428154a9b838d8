"""What does the message on the queue look like?

A kombu message as Celery writes it (protocol 2), with two holes that the release script fills: the queue and the
attempt. The holes are control characters, which JSON text cannot contain, so no payload can fake one.
"""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson

QUEUE, ATTEMPT = b"\x1e", b"\x1f"
ATTEMPT_HEADER = "fleet_attempt"
_EMBED = orjson.dumps({"callbacks": None, "errbacks": None, "chain": None, "chord": None})
REPR_BYTES = 512


@cache
def _origin(pid: int) -> str:
    return f"{pid}@{socket.gethostname()}"


@cache
def _constant_headers(name: str, hard_limit: float, pid: int) -> bytes:
    """The part of the headers that is the same for every task of a type, without its braces."""
    fixed: dict[str, Any] = {
        "lang": "py", "task": name, "shadow": None, "eta": None, "expires": None, "group": None, "group_index": None, "retries": 0,
        "timelimit": [hard_limit, hard_limit * 0.95], "parent_id": None, "argsrepr": "()", "origin": _origin(pid),
        "replaced_task_nesting": 0, "stamped_headers": None, "stamps": {}, "ignore_result": False,
    }  # fmt: skip
    return orjson.dumps(fixed)[1:-1]


def direct(
    task_id: str, name: str, payload: bytes, hard_limit: float, headers: Mapping[str, str] | None = None
) -> bytes:
    """Return the envelope of a plain submission; `payload` is the JSON of the keyword arguments."""
    body = base64.b64encode(b"[[]," + payload + b"," + _EMBED + b"]")
    shown = payload.decode()[:REPR_BYTES] if len(payload) <= REPR_BYTES else f"<{len(payload)} bytes>"
    own = orjson.dumps({"id": task_id, "root_id": task_id, "kwargsrepr": shown, **(headers or {})})
    return b"".join(
        (
            b'{"headers":{"fleet_attempt":', ATTEMPT, b",", own[1:-1], b",", _constant_headers(name, hard_limit, os.getpid()), b"},",
            _tail(task_id, body),
        )
    )  # fmt: skip


def from_celery(headers: Mapping[str, Any], body: bytes) -> bytes:
    """Return the envelope of a message Celery composed (chains, chords, retries, plain apply_async)."""
    kept = {key: value for key, value in headers.items() if key not in (ATTEMPT_HEADER, "eta")}
    text = orjson.dumps({**kept, "eta": None}, default=str)
    return b"".join(
        (b'{"headers":{"fleet_attempt":', ATTEMPT, b",", text[1:], b",", _tail(headers["id"], base64.b64encode(body)))
    )


def foreign(headers: Mapping[str, Any], body: bytes, queue: str) -> bytes:
    """Return the whole message of a task that is not the fleet's: no attempt, the queue filled in."""
    tail = _tail(headers["id"], base64.b64encode(body)).replace(QUEUE, queue.encode()).replace(ATTEMPT, b"0")
    return b"".join((b'{"headers":', orjson.dumps(dict(headers), default=str), b",", tail))


def _tail(task_id: str, body: bytes) -> bytes:
    name = task_id.encode()
    return b"".join(
        (
            b'"content-encoding":"utf-8","content-type":"application/json","properties":{"body_encoding":"base64","correlation_id":"',
            name, b'","reply_to":"","delivery_mode":2,"priority":0,"delivery_info":{"exchange":"","routing_key":"', QUEUE,
            b'"},"delivery_tag":"', name, b".", ATTEMPT, b'"},"body":"', body, b'"}',
        )
    )  # fmt: skip
