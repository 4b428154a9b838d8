"""Can a bad message end a worker, or vanish without a trace?"""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from e2e.cell import Cell
from eventually import eventually

from fleet import submit
from fleet.dispatcher import malformed
from fleet.store.client import connect

QUEUE = "fleet.steps"
WAIT = 30


def message(body: Any = None, **headers: Any) -> dict[str, Any]:
    """A kombu message as Celery writes it, changed."""
    content = json.dumps([[], {}, {}] if body is None else body).encode()
    return {
        "body": base64.b64encode(content).decode(), "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"lang": "py", "task": "add", "id": "forged", "root_id": "forged", "fleet_attempt": 1, **headers},
        "properties": {
            "body_encoding": "base64", "correlation_id": "forged", "reply_to": "", "delivery_mode": 2, "priority": 0,
            "delivery_info": {"exchange": "", "routing_key": QUEUE}, "delivery_tag": "forged",
        },
    }  # fmt: skip


def without(where: str, name: str) -> dict[str, Any]:
    changed = message()
    del (changed[where] if where else changed)[name]
    return changed


BAD: dict[str, tuple[Any, str]] = {
    "not JSON": ("{", "not JSON"),
    "binary": (b"\xff\x00\xfe", "not JSON"),
    "a list": ([1, 2], "not an object"),
    "no headers": (without("", "headers"), "no headers"),
    "no properties": (without("", "properties"), "no headers or properties"),
    "no tag": (without("properties", "delivery_tag"), "delivery_tag"),
    "no body": (without("", "body"), "no body"),
    "body not base64": ({**message(), "body": "a"}, "not base64"),
    "body not JSON": ({**message(), "body": base64.b64encode(b"{").decode()}, "decode"),
    "wrong content type": ({**message(), "content-type": "application/x-python-serialize"}, "pickle"),
    "unknown task": (message(task="nobody"), "unknown task 'nobody'"),
    "task name no name": (message(task=["add"]), "unhashable"),
    "no task": (without("headers", "task"), "no"),
    "no attempt": (without("headers", "fleet_attempt"), "did not come through its door"),
    "attempt no number": (message(fleet_attempt="one"), "did not come through its door"),
    "body of the wrong shape": (message(body={"a": 1}), ""),
    "ten megabytes": ("x" * 10_000_000, "10000000 bytes"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_message_is_kept_with_the_reason_and_the_worker_goes_on(cell: Cell, kind: str) -> None:
    bad, reason = BAD[kind]
    connect().delete("fleet:{main}:malformed")
    connect().lpush(QUEUE, bad if isinstance(bad, str | bytes) else json.dumps(bad))
    assert submit("add", {"x": 1}).get(WAIT)["sum"] == 1
    [row] = eventually(malformed.read, timeout=WAIT)
    assert reason in row.reason, row
    assert row.queue == QUEUE
    assert cell.workers[0].process.poll() is None


def test_thousands_of_random_messages_do_no_harm(cell: Cell) -> None:
    chance, client = random.Random(7), connect()
    pid = cell.workers[0].process.pid
    pipe = client.pipeline(transaction=False)
    for _ in range(2000):
        text = bytearray(json.dumps(message(task=chance.choice(["add", "nobody", "nap"]))).encode())
        for _ in range(chance.randrange(1, 6)):
            text[chance.randrange(len(text))] = chance.randrange(256)
        pipe.lpush(QUEUE, bytes(text))
    pipe.execute()
    eventually(lambda: client.llen(QUEUE) == 0, timeout=60)
    assert submit("add", {"x": 1}).get(WAIT)["sum"] == 1
    assert cell.workers[0].process.poll() is None
    assert cell.workers[0].process.pid == pid
    assert client.llen("fleet:{main}:malformed") <= malformed.KEPT
