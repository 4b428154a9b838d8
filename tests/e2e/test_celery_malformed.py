"""Can a bad message end a worker, or vanish without a trace?"""

from __future__ import annotations

import base64
import json
import os
import random
from pathlib import Path
from typing import Any

import psutil
import pytest
from e2e.cell import Cell, running
from eventually import eventually

from fleet import submit
from fleet.dispatcher import malformed
from fleet.secrets import upkeep
from fleet.store.client import connect

QUEUE = "fleet.steps"
WAIT = 30
ROUNDS = 10 if os.environ.get("FLEET_TEST_SCALE") == "full" else 2


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


def spoiled(chance: random.Random) -> str | bytes:
    """One message nobody can run, of a kind drawn by chance and with contents drawn by chance."""
    noise = "".join(chr(chance.randrange(1, 0x2FFF)) for _ in range(chance.randrange(1, 40)))
    value: Any = chance.choice([None, 0, -1, 1.5, True, noise, [noise], {noise: 1}])
    match chance.randrange(12):
        case 0:
            text = json.dumps(message())
            return text[: chance.randrange(len(text))]
        case 1:
            return bytes(chance.randrange(256) for _ in range(chance.randrange(1, 200))) + b"\xff"
        case 2:
            return json.dumps(value if not isinstance(value, dict) else [value])
        case 3:
            return json.dumps(without("", chance.choice(["headers", "properties", "body"])))
        case 4:
            return json.dumps(without("properties", chance.choice(["delivery_tag", "delivery_info"])))
        case 5:
            return json.dumps(message() | {chance.choice(["headers", "properties", "body"]): value if value != noise else 7})
        case 6:
            return json.dumps(message(task=f"nobody.{noise}"))
        case 7:
            return json.dumps(message(task=value if value != noise else [noise]))
        case 8:
            return json.dumps(message(fleet_attempt=value if value not in (0, -1) or value is True else noise))
        case 9:
            return json.dumps(message() | {"body": base64.b64encode(noise.encode() + b"{").decode()})
        case 10:
            return json.dumps(message() | {"content-type": chance.choice(["application/x-python-serialize", "application/x-yaml", noise])})
        case _:
            return json.dumps(without("headers", chance.choice(["task", "fleet_attempt"])))


def counted(client: Any) -> int:
    fields = client.hgetall("fleet:{main}:metrics")
    return sum(int(float(value)) for name, value in fields.items() if name.startswith("fleet_malformed_messages_total"))


@pytest.mark.timeout(600)
def test_thousands_of_bad_messages_are_counted_and_kept_and_the_worker_lives(cell: Cell) -> None:
    chance, client, many = random.Random(7), connect(), 10_000 if os.environ.get("FLEET_TEST_SCALE") == "full" else 1_000
    before, processes = counted(client), {cell.workers[0].process.pid, *(child.pid for child in cell.workers[0].children())}
    pipe = client.pipeline(transaction=False)
    for number in range(many):
        pipe.lpush(QUEUE, "x" * 10_000_000 if number % 2_500 == 0 else spoiled(chance))
        if number % 500 == 499:
            pipe.execute()
    eventually(lambda: counted(client) - before == many, timeout=300, interval=0.5)
    assert client.llen(QUEUE) == 0
    assert submit("add", {"x": 1}).get(WAIT)["sum"] == 1
    assert cell.workers[0].process.poll() is None
    assert processes == {cell.workers[0].process.pid, *(child.pid for child in cell.workers[0].children())}
    assert client.llen("fleet:{main}:malformed") == min(many, malformed.KEPT)
    assert all(row.reason for row in malformed.read(malformed.KEPT))


def test_thousands_of_messages_with_a_few_wrong_bytes_do_no_harm_and_leave_no_memory_behind(cell: Cell) -> None:
    chance, client = random.Random(7), connect()
    process = psutil.Process(cell.workers[0].process.pid)
    sizes = []
    for _ in range(ROUNDS):
        pipe = client.pipeline(transaction=False)
        for _ in range(1000):
            text = bytearray(json.dumps(message(task=chance.choice(["add", "nobody", "nap"]))).encode())
            for _ in range(chance.randrange(1, 6)):
                text[chance.randrange(len(text))] = chance.randrange(256)
            pipe.lpush(QUEUE, bytes(text))
        pipe.execute()
        eventually(lambda: client.llen(QUEUE) == 0, timeout=90)
        assert submit("add", {"x": 1}).get(WAIT)["sum"] == 1
        sizes.append(process.memory_info().rss)
    assert cell.workers[0].process.poll() is None
    assert client.llen("fleet:{main}:malformed") <= malformed.KEPT
    assert sizes[-1] - sizes[0] < 16_000_000, sizes


def test_a_message_with_a_wrong_signature_is_counted_and_kept(tmp_path: Path) -> None:
    signing = {
        "FLEET_BROKER__SIGN_MESSAGES": "true", "FLEET_SECRETS__BACKEND": "local", "FLEET_SECRETS__PASSPHRASE": "correct horse battery",
        "FLEET_SECRETS__OVERLAP_SECONDS": "0",
    }  # fmt: skip
    with running(tmp_path, signing) as cell:
        upkeep.rotate_one("fleet/signing")
        cell.start("steps", "steps")
        assert submit("add", {"x": 1}).get(WAIT)["sum"] == 1
        client, forgeries = connect(), 50
        for number in range(forgeries):
            client.lpush(QUEUE, json.dumps(message(body=[[], {"x": number}, {}], fleet_signature=f"v1.{number:064x}")))
        eventually(lambda: counted(client) == forgeries, timeout=WAIT)
        assert all("refused: " in row.reason for row in malformed.read(forgeries))
        assert submit("add", {"x": 1}).get(WAIT)["sum"] == 1
