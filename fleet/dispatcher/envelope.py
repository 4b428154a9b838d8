"""What does the message on the queue look like?

A kombu message as Celery writes it (protocol 2), with two holes that the release script fills: the queue and the
attempt. The holes are control characters, which JSON text cannot contain, so no payload can fake one.
"""

from __future__ import annotations

import os
import socket
from base64 import b64encode
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

import orjson

from fleet.dispatcher.contracts import carried

QUEUE, ATTEMPT = b"\x1e", b"\x1f"
ATTEMPT_HEADER = "fleet_attempt"
_EMBED = orjson.dumps({"callbacks": None, "errbacks": None, "chain": None, "chord": None})
REPR_BYTES = 512


@cache
def _origin(pid: int) -> str:
    return f"{pid}@{socket.gethostname()}"


@lru_cache(maxsize=1024)
def _around_body(name: str, hard_limit: float, contract: int, pid: int) -> tuple[bytes, bytes]:
    """What stands between a plain submission's own headers and its id, and what comes first: the same for all of a type."""
    fixed: dict[str, Any] = {
        "lang": "py", "task": name, "shadow": None, "eta": None, "expires": None, "group": None, "group_index": None, "retries": 0,
        "timelimit": [hard_limit, hard_limit * 0.95], "parent_id": None, "argsrepr": "()", "origin": _origin(pid),
        "replaced_task_nesting": 0, "stamped_headers": None, "stamps": {}, "ignore_result": False, **carried(contract),
    }  # fmt: skip
    return _HEAD + orjson.dumps(fixed)[1:-1] + b',"id":', b"}," + _TAIL


_HEAD = b'{"headers":{"fleet_attempt":' + ATTEMPT + b","
_TAIL = b'"content-encoding":"utf-8","content-type":"application/json","properties":{"body_encoding":"base64","correlation_id":'
_DELIVERY = (
    b',"reply_to":"","delivery_mode":2,"priority":0,"delivery_info":{"exchange":"","routing_key":"' + QUEUE + b'"},"delivery_tag":'
)


def direct(
    task_id: str, name: str, payload: bytes, hard_limit: float, headers: Mapping[str, str] | None = None, contract: int = 1
) -> bytes:
    """Return the envelope of a plain submission; `payload` is the JSON of the keyword arguments."""
    head, tail = _around_body(name, hard_limit, contract, os.getpid())
    own = orjson.dumps(task_id)
    more = b"," + orjson.dumps(headers)[1:-1] if headers else b""
    return b"".join(
        (
            head, own, b',"root_id":', own, b',"kwargsrepr":', orjson.dumps(shown(payload)), more, tail,
            own, _DELIVERY, own[:-1], b".", ATTEMPT, b'"},"body":"', b64encode(b"[[]," + payload + b"," + _EMBED + b"]"), b'"}',
        )
    )  # fmt: skip


def shown(payload: bytes) -> str:
    """Return what Flower and logs show of a payload."""
    return payload.decode() if len(payload) <= REPR_BYTES else f"<{len(payload)} bytes>"


def from_celery(headers: Mapping[str, Any], body: bytes) -> bytes:
    """Return the envelope of a message Celery composed (chains, chords, retries, plain apply_async)."""
    kept = {key: value for key, value in headers.items() if key not in (ATTEMPT_HEADER, "eta")}
    own, text = orjson.dumps(headers["id"]), orjson.dumps({**kept, "eta": None}, default=str)
    return b"".join((_HEAD, text[1:], b",", _TAIL, own, _DELIVERY, own[:-1], b".", ATTEMPT, b'"},"body":"', b64encode(body), b'"}'))


def foreign(headers: Mapping[str, Any], body: bytes, queue: str) -> bytes:
    """Return the whole message of a task that is not the fleet's: no attempt, the queue filled in."""
    own, text = orjson.dumps(headers["id"]), orjson.dumps(dict(headers), default=str)
    tail = b"".join((_TAIL, own, _DELIVERY, own[:-1], b".", ATTEMPT, b'"},"body":"', b64encode(body), b'"}'))
    return b"".join((b'{"headers":', text, b",", tail.replace(QUEUE, queue.encode()).replace(ATTEMPT, b"0")))
