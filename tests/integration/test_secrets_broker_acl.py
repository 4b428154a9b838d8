"""Can each component do at the broker what it must, and nothing else?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from fleet.secrets import audit, broker_acl
from fleet.secrets.local import LocalBackend, passphrase_key
from fleet.store import keys

CELL = "acl-test"
QUEUES = ("agents.code[1]", "agents.scan")


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    return LocalBackend(tmp_path / "secrets.json", passphrase_key(SecretStr("correct horse")))


@pytest.fixture
def clients(store: redis.Redis, backend: LocalBackend) -> Iterator[dict[str, redis.Redis]]:
    """A connection per component, logged in with its own password."""
    users = broker_acl.users(CELL, QUEUES)
    broker_acl.apply(store, backend, users)
    where = store.connection_pool.connection_kwargs
    opened = {}
    for user in users:
        fields = backend.read(broker_acl.secret_path(user)).fields
        opened[user.name.removeprefix("fleet-")] = redis.Redis(
            host=where["host"],
            port=where["port"],
            decode_responses=True,
            username=fields["username"].get_secret_value(),
            password=fields["password"].get_secret_value(),
        )
    yield opened
    for client in opened.values():
        client.close()
    for user in users:
        store.acl_deluser(user.name)


def refused(client: redis.Redis, *command: object) -> bool:
    try:
        client.execute_command(*command)
    except redis.exceptions.NoPermissionError:
        return True
    return False


def test_who_rotates_may_change_users_and_nobody_else(clients: dict[str, redis.Redis]) -> None:
    for name, client in clients.items():
        assert refused(client, "ACL", "GETUSER", "fleet-worker") == (name not in ("operator", "maintenance")), name
        assert refused(client, "ACL", "SETUSER", "fleet-x") == (name not in ("operator", "maintenance")), name
    clients["operator"].acl_deluser("fleet-x")


STATE = f"{keys.prefix(CELL)}task:1"
API_KEY = f"{keys.prefix(CELL)}api_key:1"


def test_everybody_gets_in_and_nobody_but_the_operator_can_hurt(clients: dict[str, redis.Redis]) -> None:
    for name, client in clients.items():
        assert client.ping(), name
        if name == "operator":
            continue
        for command in (
            ("FLUSHALL",),
            ("CONFIG", "GET", "*"),
            ("ACL", "LIST"),
            ("ACL", "DELUSER", "fleet-operator"),
            ("KEYS", "*"),
            ("SHUTDOWN", "NOSAVE"),
            ("REPLICAOF", "NO", "ONE"),
            ("MONITOR",),
            ("CLIENT", "LIST"),
            ("GET", "somebody-elses-key"),
            ("SET", "fleet:{other}:task:1", "x"),
        ):
            assert refused(client, *command), f"{name} may {command}"


@pytest.mark.parametrize(
    ("component", "reads_state", "writes_state", "sees_api_keys", "fills_queues"),
    [
        ("producer", True, True, False, True),
        ("gateway", True, True, True, True),
        ("worker", True, True, False, True),
        ("maintenance", True, True, True, True),
        ("beat", True, True, False, True),
        ("scaler", True, False, False, False),
        ("metrics", True, False, False, False),
        ("flower", True, True, False, True),
        ("operator", True, True, True, True),
    ],
)
def test_components_reach_what_they_need_only(
    clients: dict[str, redis.Redis],
    component: str,
    reads_state: bool,
    writes_state: bool,
    sees_api_keys: bool,
    fills_queues: bool,
) -> None:
    client = clients[component]
    assert refused(client, "HGETALL", STATE) != reads_state
    assert refused(client, "HSET", STATE, "a", "b") != writes_state
    assert refused(client, "HGETALL", API_KEY) != sees_api_keys
    for queue in (*QUEUES, QUEUES[0] + "\x06\x163"):
        assert refused(client, "LPUSH", queue, "message") != fills_queues


def test_scripts_run_with_the_prefix_as_key_and_cannot_reach_further(clients: dict[str, redis.Redis]) -> None:
    reach = "return redis.call('HGETALL', KEYS[1] .. ARGV[1])"
    worker = clients["worker"]
    assert worker.eval(reach, 1, keys.prefix(CELL), "task:1") == []
    with pytest.raises(redis.exceptions.ResponseError, match="ermission"):
        worker.eval(reach, 1, keys.prefix(CELL), "api_key:1")
    assert audit.record("secret.read", "agents/a/llm", client=worker, cell=CELL).seq == 1


def test_applying_again_changes_nothing_and_keeps_passwords(
    clients: dict[str, redis.Redis], store: redis.Redis, backend: LocalBackend
) -> None:
    before = backend.read("fleet/broker/worker")
    again = broker_acl.apply(store, backend, broker_acl.users(CELL, QUEUES))
    assert set(again) == {f"fleet-{name}" for name in clients}
    assert not any(again.values())
    assert backend.read("fleet/broker/worker") == before


def test_an_acl_file_line_has_digests_and_no_password(clients: dict[str, redis.Redis], backend: LocalBackend) -> None:
    user = broker_acl.users(CELL, QUEUES)[0]
    line = user.line(["ab" * 32])
    assert line.startswith(f"user fleet-producer on #{'ab' * 32} %RW~fleet:{{acl-test}}:")
    assert backend.read("fleet/broker/producer").field("password").get_secret_value() not in line
    assert "producer" in clients


def test_every_key_of_the_table_belongs_to_a_component_that_may_write_it() -> None:
    known = {owner for part in broker_acl.COMPONENTS for owner in part.writes}
    for row in keys.TABLE:
        writers = set(re.findall(r"\w+", row.writer))
        assert row.writer.startswith("every") or writers & known, f"nobody may write {row.suffix}"
