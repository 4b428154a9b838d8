"""May Flower's own broker user show the Fleet tab and do what its buttons say, and no more?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from conftest import forget_facts
from pydantic import SecretStr
from rig import Rig

from fleet import catalogue
from fleet.diagnostics.acts import Wish, act
from fleet.diagnostics.glance import fleet_at_a_glance
from fleet.secrets import audit, broker_acl
from fleet.secrets.local import LocalBackend, passphrase_key
from fleet.settings import current
from fleet.store.client import connect


@pytest.fixture
def become(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Give every component a broker user; returns how to go on as one of them."""
    backend = LocalBackend(tmp_path / "secrets.json", passphrase_key(SecretStr("correct horse")))
    where = store.connection_pool.connection_kwargs
    users: list[broker_acl.User] = []

    def become(component: str) -> None:
        users.extend(broker_acl.users(current().cell, [pool.queue for pool in catalogue.current().pools.values()]))
        broker_acl.apply(store, backend, users)
        fields = backend.read(f"fleet/broker/{component}").fields
        login = ":".join(fields[name].get_secret_value() for name in ("username", "password"))
        monkeypatch.setenv("FLEET_BROKER__URL", f"redis://{login}@{where['host']}:{where['port']}/0")
        forget_facts()
        connect()

    yield become
    for user in users:
        store.acl_deluser(user.name)


def test_flower_shows_and_acts_with_its_own_user(declared: Callable[..., Rig], become: Callable[[str], None]) -> None:
    rig = declared(task_types={"job": {"max_attempts": 1}}, budgets=[{"name": "all", "limits_usd": {"day": 5}}])
    worker = rig.worker("a.1@here", "a")
    task_id = rig.submit("job").id
    assert rig.end(rig.start("a", worker), "retry", reason="no such model") == "dead"

    become("flower")
    seen = fleet_at_a_glance()
    assert [row.task_id for row in seen.dead] == [task_id]
    for verb, target in (("pause", "a"), ("resume", "a"), ("drain", worker), ("undrain", worker), ("replay", task_id)):
        done = act(Wish(verb, target, actor="operator", source="test"))
        assert done.is_done, done
    assert [entry.outcome for entry in audit.newest(10)] == ["ok"] * 5
    for command in (("CONFIG", "GET", "*"), ("FLUSHALL",), ("GET", f"{rig.prefix}api_key:1")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            connect().execute_command(*command)


@pytest.mark.parametrize("component", ["scaler", "metrics", "gateway"])
def test_who_only_looks_may_look(declared: Callable[..., Rig], become: Callable[[str], None], component: str) -> None:
    declared()
    become(component)
    assert connect().time()
