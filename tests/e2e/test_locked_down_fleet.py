"""Does a fleet work with every door shut: a broker user per program, signed messages, and passwords that change?

Real processes: a worker that logs in as `fleet-worker`, a gateway that logs in as `fleet-gateway`, tasks submitted over
HTTP, the worker's and the gateway's passwords rotated and their connections cut while tasks run.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import redis
from eventually import eventually

from fleet import catalogue, settings
from fleet.dispatcher import declare, malformed
from fleet.secrets import api_keys, audit, broker_acl, configured, upkeep
from fleet.secrets.roles import Role
from fleet.settings import current
from fleet.store.client import connect, forget, store_url
from fleet.supervisor import programs

SOURCE = {"app.py": "import subprocess\nsubprocess.call('ls', shell=True)\npassword = 'hunter2'\n"}
TASK = {"task_type": "security_analysis", "payload": {"files": SOURCE, "engines": ["bandit"]}}


@dataclass(frozen=True, slots=True)
class LockedDown:
    """A running fleet as an outsider with a producer's key sees it."""

    http: httpx.Client
    admin: redis.Redis
    worker: subprocess.Popen[bytes]
    gateway: subprocess.Popen[bytes]

    def submit(self) -> str:
        answer = self.http.post("/api/v1/tasks", json=TASK)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    def result(self, task_id: str) -> dict[str, object]:
        found = self.http.get(f"/api/v1/tasks/{task_id}", params={"wait_seconds": 30}, timeout=40).json()
        assert found["state"] == "done", found
        return dict(found)


@pytest.fixture
def locked_down(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LockedDown]:
    for name, value in {
        "FLEET_SECRETS__BACKEND": "local",
        "FLEET_SECRETS__PASSPHRASE": "correct horse battery",
        "FLEET_SECRETS__OVERLAP_SECONDS": "1",
        "FLEET_SECRETS__CACHE_SECONDS": "0.3",
        "FLEET_BROKER__SIGN_MESSAGES": "true",
        "FLEET_STATE_DIR": str(tmp_path),
        "FLEET_TELEMETRY__LOG_FORMAT": "json",
    }.items():
        monkeypatch.setenv(name, value)
    settings.load.cache_clear()
    assert store.ping()
    declare.publish()
    admin = redis.Redis.from_url(store_url(), decode_responses=True)
    users = broker_acl.users(current().cell, [pool.queue for pool in catalogue.current().pools.values()])
    broker_acl.apply(admin, configured.backend(), users)
    _rotated("fleet/signing")
    key = api_keys.generate()
    api_keys.admit(connect(), current().cell, key, name="e2e", tenant="acme", role=Role.PRODUCER, days=1)

    port = _free_port()
    program = programs.worker("security_scanner")
    worker = _start(tmp_path / "worker.log", "fleet/broker/worker", program.command, dict(program.environment))
    serve = (sys.executable, "-m", "fleet.cli.main", "gateway", "--port", str(port))
    gateway = _start(tmp_path / "gateway.log", "fleet/broker/gateway", serve, {})
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {key.get_secret_value()}"}
    ) as http:
        running = LockedDown(http, admin, worker, gateway)
        try:
            eventually(lambda: http.get("/ready").status_code == 200, timeout=30)
            eventually(lambda: http.get("/api/v1/workers").json()["workers"], timeout=60)
            yield running
        finally:
            for process in (worker, gateway):
                process.send_signal(signal.SIGTERM)
            for process in (worker, gateway):
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            forget()
            for user in users:
                admin.acl_deluser(user.name)
            admin.close()


def test_tasks_run_through_shut_doors_while_passwords_change(locked_down: LockedDown, tmp_path: Path) -> None:
    first = locked_down.submit()
    assert locked_down.result(first)["tenant"] == "acme"
    running = {known["user"] for known in locked_down.admin.client_list()}
    assert {"fleet-worker", "fleet-gateway"} <= running

    under_way = [locked_down.submit() for _ in range(4)]
    _rotated("fleet/broker/worker", "fleet/broker/gateway", "fleet/signing")
    for name in ("fleet-worker", "fleet-gateway"):
        locked_down.admin.client_kill_filter(user=name)
    under_way += [locked_down.submit() for _ in range(4)]
    for task_id in under_way:
        locked_down.result(task_id)

    assert locked_down.worker.poll() is None, "nobody was restarted"
    assert locked_down.gateway.poll() is None
    written = "".join(log.read_text() for log in tmp_path.glob("*.log"))
    assert "NoPermission" not in written, [line for line in written.splitlines() if "NoPermission" in line][:3]
    assert audit.verify().ok


@pytest.mark.parametrize("kind", ["declared", "declared, without an attempt", "built in", "job"])
def test_a_message_from_somebody_who_only_writes_to_the_broker_runs_nothing(
    locked_down: LockedDown, kind: str
) -> None:
    payload = TASK["payload"]
    inner = {"task": "security_analysis", "args": [], "kwargs": payload, "options": {}, "subtask_type": None, "immutable": False}
    name, kwargs = {
        "declared": ("security_analysis", payload),
        "declared, without an attempt": ("security_analysis", payload),
        "built in": ("celery.starmap", {"task": inner, "it": [[]]}),
        "job": ("celery.backend_cleanup", {}),
    }[kind]
    task_id = f"forged-{kind.replace(', ', '-').replace(' ', '-')}"
    headers = {"id": task_id, "task": name, "lang": "py", "root_id": task_id}
    if kind == "declared":
        headers["fleet_attempt"] = 1
    queue = catalogue.current().pools["security_scanner"].queue
    message = {
        "headers": headers,
        "properties": {"delivery_info": {"exchange": "", "routing_key": queue}, "delivery_tag": task_id, "body_encoding": "base64"},
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "body": base64.b64encode(json.dumps([[], kwargs, {}]).encode()).decode(),
    }
    locked_down.admin.lpush(queue, json.dumps(message))
    [kept] = eventually(lambda: [row for row in malformed.read() if task_id in row.text], timeout=30)
    assert ("no attempt" if kind.endswith("without an attempt") else "not signed") in kept.reason
    assert locked_down.admin.get(f"celery-task-meta-{task_id}") is None
    assert locked_down.result(locked_down.submit()), "a genuine one still runs"


def _rotated(*paths: str) -> None:
    """Rotate to the end, as the scheduled job does by looking again and again."""
    left = set(paths)

    def go_on() -> bool:
        left.difference_update([path for path in left if upkeep.rotate_one(path).waits_until is None])
        return not left

    eventually(go_on, timeout=30)


def _start(log: Path, login: str, command: tuple[str, ...], extra: dict[str, str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **extra, "FLEET_BROKER__LOGIN_SECRET": login}
    with log.open("wb") as out:
        return subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
