"""Can bytes of any kind end a gateway, make it fail, make it tell something, or make it grow?

A real gateway on a real socket, and a client that does not keep to HTTP: broken heads, lying lengths, bad chunks, half
requests, bombs, every credential but a good one, and good ones with nonsense.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import redis
from eventually import eventually
from integration.gateway_client import key

from fleet.dispatcher import declare
from fleet.secrets.roles import Role
from fleet.supervisor.valkey import die_with_parent, free_port

REQUESTS = 10_000 if os.environ.get("FLEET_TEST_SCALE") == "full" else 600
WARM = REQUESTS // 4
MOST_GROWTH_BYTES = 24_000_000
PATHS = ("/api/v1/tasks", "/api/v1/tasks/bulk", "/api/v1/tasks/x", "/api/v1/tasks/%2e%2e/decision", "/api/v1/scale-up", "/health", "/%ff", "/a" * 900, "*")


@pytest.fixture
def served(store: redis.Redis, tmp_path: Path) -> Iterator[tuple[psutil.Process, int, Path]]:
    assert store.ping()
    declare.publish()
    port, log = free_port(), tmp_path / "gateway.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "fleet.cli.main", "gateway", "--port", str(port)]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
    try:
        eventually(lambda: healthy(port), timeout=60)
        yield psutil.Process(process.pid), port, log
    finally:
        process.terminate()
        process.wait(30)


def healthy(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/health", timeout=10).status_code == 200


def body(chance: random.Random) -> bytes:
    task = {"task_type": "code_generation", "payload": {"prompt": "x"}}
    match chance.randrange(9):
        case 0:
            return chance.randbytes(chance.randrange(400))
        case 1:
            return b"[" * chance.choice([10, 5000, 100_000])
        case 2:
            return b'{"a":' * 3000 + b"1" + b"}" * 3000
        case 3:
            return json.dumps({**task, "payload": {"prompt": "\ud800"}}).encode()
        case 4:
            return json.dumps({**task, "priority": chance.choice([1e400, -1, "9", None, [], 10**400])}).encode()
        case 5:
            return json.dumps({**task, chance.choice(["tenant", "task_type", "idempotency_key"]): chr(chance.randrange(32)) * 9}).encode()
        case 6:
            return json.dumps({"tasks": [task] * chance.choice([0, 1, 1001])}).encode()
        case 7:
            return json.dumps(task).encode()
        case _:
            text = bytearray(json.dumps(task).encode())
            text[chance.randrange(len(text))] = chance.randrange(256)
            return bytes(text)


def well_formed(chance: random.Random, good: str) -> bytes:
    sent, credential = body(chance), chance.choice([good, good, good, good[:-1], "A" * 5000])
    method, path = chance.choice(["GET", "POST", "DELETE"]), chance.choice(PATHS[:7])
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {credential}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(sent)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + sent


def broken(chance: random.Random, good: str) -> bytes:
    sent = body(chance)
    length = chance.choice([str(len(sent)), str(len(sent) + 7), "-1", "9" * 30, "1e3", "", "0x10", "5, 5"])
    credential = chance.choice([f"Bearer {good}", "Basic Zm9vOmJhcg==", "\x7f", "Bearer \xe4"])
    method = chance.choice(["GET", "POST", "PATCH", "TRACE", "CONNECT", "G\x00T", "P" * 300])
    chunked = chance.random() < 0.3
    head = (
        f"{method} {chance.choice(PATHS)} HTTP/{chance.choice(['1.1', '1.0', '9.9'])}\r\nhost: x\r\n"
        f"authorization: {credential}\r\ncontent-type: {chance.choice(['application/json', 'text/x', ''])}\r\n"
        + ("transfer-encoding: chunked\r\n" if chunked else f"content-length: {length}\r\n")
        + (f"x-{'y' * 70_000}: z\r\n" if chance.random() < 0.02 else "")
        + "connection: close\r\n\r\n"
    ).encode("latin-1")
    whole = head + (chance.choice([b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\n", b"ffffffffffffffff\r\n"]) if chunked else sent)
    cut = chance.random()
    if cut < 0.2:
        return whole[: chance.randrange(1, len(whole))]
    if cut < 0.3:
        return chance.randbytes(chance.randrange(1, 300))
    return whole


def answer(port: int, sent: bytes, hang_up: bool) -> bytes:
    """Send, hang up while the gateway may still wait for more, and read what it says until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        parts = []
        try:
            line.sendall(sent)
            if hang_up:
                line.shutdown(socket.SHUT_WR)
            while part := line.recv(65536):
                parts.append(part)
        except (ConnectionError, TimeoutError):
            pass
        return b"".join(parts)


@pytest.mark.timeout(1200)
def test_hostile_bytes_end_nothing_fail_nothing_tell_nothing_and_leave_nothing(
    served: tuple[psutil.Process, int, Path], store: redis.Redis
) -> None:
    process, port, log = served
    chance, good = random.Random(11), key(store, Role.ADMIN)
    sizes, statuses = [], set()
    for number in range(REQUESTS):
        is_broken = chance.random() < 0.34  # a request is looked at where its HTTP is well formed
        said = answer(port, (broken if is_broken else well_formed)(chance, good), is_broken)
        if said:
            statuses.add(int(said.split(b" ", 2)[1]))
            assert int(said.split(b" ", 2)[1]) < 500, said
            assert b"Traceback" not in said, said
            assert good.encode() not in said, "a key was told"
        if number in (WARM, REQUESTS - 1):
            assert healthy(port)
            sizes.append(process.memory_info().rss)
    assert max(statuses) < 500, statuses
    assert {202, 400, 401, 404, 405, 422, 429} <= statuses, f"what is sent is looked at: {statuses}"
    assert sizes[1] - sizes[0] < MOST_GROWTH_BYTES, sizes
    eventually(lambda: len([c for c in process.net_connections() if c.laddr and c.laddr.port == port and c.status == "ESTABLISHED"]) <= 1)
    written = log.read_text(errors="replace")
    assert good not in written
    assert "Traceback" not in written, written[-3000:]
