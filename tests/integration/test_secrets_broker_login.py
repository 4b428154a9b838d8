"""Does a broker password rotate under open clients, kombu connections and Celery's backend without a restart?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import kombu
import pytest
import redis
from celery import Celery

from fleet import settings
from fleet.dispatcher import declare
from fleet.secrets import audit, broker_acl, broker_login, configured, upkeep
from fleet.settings import current
from fleet.store.client import accepts_login, connect, forget, store_url
from fleet.store.credentials import celery_url, without_login

QUEUE = "rotation"


@pytest.fixture
def worker_side(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """The process logs in as `fleet-worker` with what the secret backend holds; yields an administrator's client."""
    admin = redis.Redis.from_url(store_url(), decode_responses=True)
    monkeypatch.setenv("FLEET_SECRETS__BACKEND", "local")
    monkeypatch.setenv("FLEET_SECRETS__PASSPHRASE", "correct horse battery")
    monkeypatch.setenv("FLEET_SECRETS__OVERLAP_SECONDS", "0")
    monkeypatch.setenv("FLEET_SECRETS__CACHE_SECONDS", "0")
    monkeypatch.setenv("FLEET_STATE_DIR", str(tmp_path))
    settings.load.cache_clear()
    configured._resolver.cache_clear()
    assert store.ping()
    declare.publish()
    users = broker_acl.users(current().cell, [QUEUE])
    broker_acl.apply(admin, configured.backend(), users)
    monkeypatch.setenv("FLEET_BROKER__LOGIN_SECRET", "fleet/broker/worker")
    settings.load.cache_clear()
    broker_login._resolver.cache_clear()
    forget()
    yield admin
    forget()
    for user in users:
        admin.acl_deluser(user.name)
    admin.close()
    broker_login._resolver.cache_clear()


def rotate(admin: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rotate the worker's password as an administrator does, then cut the worker's connections."""
    with monkeypatch.context() as patched:
        patched.setenv("FLEET_BROKER__LOGIN_SECRET", "")
        settings.load.cache_clear()
        forget()
        upkeep.rotate_one("fleet/broker/worker")
        forget()
    settings.load.cache_clear()
    admin.client_kill_filter(user="fleet-worker")


def test_open_clients_come_back_with_the_new_password(
    worker_side: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect()
    audit.record("test.before", "x")
    old = configured.backend().read("fleet/broker/worker").field("password").get_secret_value()
    rotate(worker_side, monkeypatch)
    assert not accepts_login(worker_side, "fleet-worker", old)
    audit.record("test.after", "x", client=client)
    assert "fleet-worker" in {known["user"] for known in worker_side.client_list()}


def test_kombu_and_celery_come_back_too(worker_side: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    url = celery_url(store_url())
    app = Celery("rotation", broker=url, backend=url)
    with kombu.Connection(url) as connection:
        queue = connection.SimpleQueue(QUEUE)
        queue.put({"number": 1})
        app.backend.store_result("result-1", "value", "SUCCESS")
        rotate(worker_side, monkeypatch)
        fresh = kombu.Connection(url).SimpleQueue(QUEUE)
        fresh.put({"number": 2})
        assert [fresh.get(timeout=5).payload["number"] for _ in range(2)] == [1, 2]
        assert app.backend.get_result("result-1") == "value"
        fresh.channel.connection.client.release()
    app.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:secret@host:6379/0", "redis://host:6379/0"),
        ("rediss://user:s%40crt@host/2?ssl_cert_reqs=required", "rediss://host/2?ssl_cert_reqs=required"),
        ("redis://host:1/0", "redis://host:1/0"),
    ],
)
def test_urls_lose_their_login(url: str, expected: str) -> None:
    assert without_login(url) == expected
