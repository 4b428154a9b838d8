"""Is the login the chart gives each program enough for its work, and does any of them ask for more?

The chart's own start script and access list on a real Valkey, every program of a fleet as its own user, tasks over HTTP and
from a producer; at the end the server has refused nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import httpx
import pytest
import redis
from conftest import forget_facts
from e2e.cell import FILE, TESTS
from eventually import eventually

from beat_schedules.standard import SCHEDULE
from fleet.app import app
from fleet.dispatcher.submit import submit
from fleet.scaling.metric import METRIC_NAME
from fleet.scaling.proto import externalscaler_pb2 as messages
from fleet.scaling.proto import externalscaler_pb2_grpc as service
from fleet.secrets import chart_users
from fleet.store.client import forget
from fleet.supervisor import valkey

FILES = chart_users.FILE.parent
PEOPLE = ("fleet", "replica", "probe", "admin")
ADMIN = "admin ~* &* +@all\n"
"""The test looks into the server's log of refusals; the chart has nobody who may."""
OFTEN = {"FLEET_SCALING__INTERVAL_SECONDS": "2", "FLEET_HEALTH__INTERVAL_SECONDS": "5"}
NEED_A_PASSPHRASE = {"backup"}


def filled_in(text: str) -> str:
    """Return the access list as Helm fills it in for a fleet whose queues are called fleet.*."""
    for access in ("%RW~", "%R~"):
        text = text.replace(f" @QUEUES:{access}@", "")
    return text.replace(chart_users.CELL, "main")


@dataclass(frozen=True, slots=True)
class Server:
    """The chart's Redis; every user's password is the name, repeated."""

    port: int
    home: Path

    def url(self, user: str) -> str:
        return f"redis://fleet-{user}:{user * 5}@127.0.0.1:{self.port}/0"

    def client(self, user: str) -> redis.Redis:
        return redis.Redis.from_url(self.url(user), decode_responses=True)


def launch(home: Path, users: str, passwords: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], int]:
    port = valkey.free_port()
    for folder in ("config", "passwords", "run", "data"):
        (home / folder).mkdir(parents=True)
    (home / "config/redis.conf").write_text(f"bind 127.0.0.1\nport {port}\ndir {home}/data\nappendonly yes\nmaxmemory-policy noeviction\n")
    (home / "config/users.acl").write_text(users)
    for name in passwords:
        (home / "passwords" / name).write_text(name * 5)
    environment = {
        "PATH": os.environ["PATH"], "CONFIG": f"{home}/config", "PASSWORDS": f"{home}/passwords", "RUN": f"{home}/run",
        "PRIMARY": "127.0.0.1", "PORT": str(port), "POD_NAME": "redis-0", "SERVER": valkey.binary(),
    }  # fmt: skip
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(["sh", str(FILES / "start.sh")], env=environment, stdout=log, stderr=log, preexec_fn=valkey.die_with_parent)
    return process, port


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    users = filled_in(chart_users.FILE.read_text()) + ADMIN
    programs = tuple(line.split(" ", 1)[0] for line in users.splitlines())
    process, port = launch(tmp_path / "redis", users, (*PEOPLE, *programs))
    found = Server(port, tmp_path / "redis")
    try:
        eventually(lambda: process.poll() is not None or found.client("admin").ping())
        assert process.poll() is None, (tmp_path / "redis/log").read_text()
        yield found
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
def producer(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process as a program of somebody's own."""
    for name, value in {
        "FLEET_BROKER__URL": server.url("producer"), "FLEET_FILE": str(FILE), "FLEET_STATE_DIR": str(tmp_path), **OFTEN,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    forget_facts()
    yield
    forget()
    monkeypatch.undo()
    forget_facts()


@dataclass(frozen=True, slots=True)
class Programs:
    """The fleet's programs, each as the user the chart gives it."""

    server: Server
    directory: Path
    running: dict[str, subprocess.Popen[bytes]]

    def start(self, user: str, *arguments: str) -> None:
        environment = {**os.environ, "FLEET_BROKER__URL": self.server.url(user), "PYTHONPATH": str(TESTS), "FLOWER_BASIC_AUTH": "me:secret"}
        with self.log(user).open("wb") as log:
            self.running[user] = subprocess.Popen(
                [sys.executable, "-m", "fleet.cli.main", *arguments], env=environment, stdout=log, stderr=log, preexec_fn=valkey.die_with_parent
            )

    def until(self, user: str, is_so: Callable[[], bool]) -> None:
        """Wait for something a program does."""

        def looked() -> bool:
            return self.running[user].poll() is not None or is_so()

        eventually(looked, timeout=60)
        assert self.running[user].poll() is None, self.log(user).read_text()[-2000:]

    def log(self, user: str) -> Path:
        return self.directory / f"{user}.log"


@pytest.fixture
def programs(server: Server, producer: None, tmp_path: Path) -> Iterator[Programs]:
    started = Programs(server, tmp_path, {})
    yield started
    for process in started.running.values():
        process.send_signal(signal.SIGTERM)
    for process in started.running.values():
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str, **options: object) -> bool:
    try:
        return httpx.get(url, timeout=5, **options).status_code == 200  # type: ignore[arg-type]
    except httpx.TransportError:
        return False


def has_a_target(port: int) -> bool:
    """Tell whether the scaler answers KEDA."""
    pool = messages.ScaledObjectRef(name="steps", namespace="fleet", scalerMetadata={"pool": "steps", "cell": "main"})
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            service.ExternalScalerStub(channel).GetMetrics(messages.GetMetricsRequest(scaledObjectRef=pool, metricName=METRIC_NAME), timeout=5)
        except grpc.RpcError:
            return False
    return True


@pytest.mark.timeout(240)
def test_every_program_works_with_its_own_login_and_asks_for_nothing_else(server: Server, programs: Programs) -> None:
    web, page, flower, scaler = (valkey.free_port() for _ in range(4))
    programs.start("gateway", "gateway", "--port", str(web))
    programs.until("gateway", lambda: answers(f"http://127.0.0.1:{web}/ready"))
    programs.start("worker", "worker", "steps")
    programs.start("maintenance", "maintenance")
    programs.start("beat", "beat")
    programs.start("metrics", "metrics", "--port", str(page))
    programs.start("scaler", "scaler", "--listen", f"127.0.0.1:{scaler}")
    programs.start("flower", "flower", "--port", str(flower))

    key = next(word for word in programs.log("gateway").read_text().split() if word.startswith("fleet_"))
    with httpx.Client(base_url=f"http://127.0.0.1:{web}", headers={"authorization": f"Bearer {key}"}, timeout=60) as http:
        submitted = http.post("/api/v1/tasks", json={"task_type": "add", "payload": {"x": 1, "y": 2}})
        assert submitted.status_code == 202, submitted.text
        assert submit("add", {"x": 2, "y": 3}).get(timeout=60)["sum"] == 5
        task_id = submitted.json()["task_id"]
        eventually(lambda: http.get(f"/api/v1/tasks/{task_id}").json()["state"] == "done", timeout=60)
        for path in ("pools", "workers", "costs", "incidents", "actions", "audit", "glance"):
            assert http.get(f"/api/v1/{path}").status_code == 200, path
    programs.until("metrics", lambda: answers(f"http://127.0.0.1:{page}/metrics"))
    programs.until("scaler", lambda: has_a_target(scaler))
    for path in ("/", "/fleet"):
        programs.until("flower", partial(answers, f"http://127.0.0.1:{flower}{path}", auth=("me", "secret")))
    admin = server.client("admin")
    # Beat sends and maintenance runs what is due; the rest is not waited for but sent from here.
    done = partial(admin.hgetall, "fleet:{main}:jobs")
    programs.until("beat", lambda: {"tick:succeeded", "scaling:succeeded", "health:succeeded"} <= set(done()))
    jobs = {row["task"].removeprefix("fleet.") for row in SCHEDULE.values()} - NEED_A_PASSPHRASE
    for job in jobs:
        if f"{job}:ran" not in done():
            app.send_task(f"fleet.{job}", queue="fleet.maintenance")
    programs.until("maintenance", lambda: {f"{job}:succeeded" for job in jobs} <= set(done()))
    assert {f"fleet-{user}" for user in programs.running} <= {row["user"] for row in admin.client_list()}
    refused = {(entry["username"], entry["object"], entry["reason"]) for entry in admin.acl_log()}
    assert not refused
    admin.close()


@pytest.mark.parametrize("missing", ["gateway", "fleet"])
def test_without_a_password_for_everybody_nothing_starts(tmp_path: Path, missing: str) -> None:
    users = filled_in(chart_users.FILE.read_text())
    names = {*PEOPLE, *(line.split(" ", 1)[0] for line in users.splitlines())} - {missing}
    process, _ = launch(tmp_path / "redis", users, tuple(names))
    assert process.wait(10) != 0
    assert f"there is no password for {missing}" in (tmp_path / "redis/log").read_text()
