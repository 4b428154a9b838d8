"""Are credentials that Vault makes for us renewed while used, replaced when they end, and worthless once taken back?"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import redis
from integration.openbao import OpenBao

from fleet.clock import ManualClock
from fleet.secrets.errors import BackendUnavailable
from fleet.secrets.resolve import Resolver
from fleet.secrets.vault import VaultBackend
from fleet.store.client import accepts_login

TTL = 3600


@pytest.fixture
def backend(openbao: OpenBao, store: redis.Redis, redis_server: str) -> VaultBackend:
    """A database engine that makes users at the test's own broker."""
    where, mount = urlsplit(redis_server), f"database-{openbao.mount}"
    assert store.ping()

    def configure(vault: Any) -> None:
        vault.sys.enable_secrets_engine("database", path=mount)
        vault.write_data(
            f"{mount}/config/broker",
            data={
                "plugin_name": "valkey-database-plugin",
                "allowed_roles": ["*"],
                "host": where.hostname,
                "port": where.port,
                "username": where.username or "default",
                "password": unquote(where.password or ""),
            },
        )
        vault.write_data(
            f"{mount}/roles/reader",
            data={
                "db_name": "broker",
                "creation_statements": ['["+@read", "+@connection", "~*"]'],
                "default_ttl": TTL,
                "max_ttl": 3 * TTL,
            },
        )

    root = openbao.root()
    root.call(configure)
    return VaultBackend(root, database_mount=mount)


def login(store: redis.Redis, secret: Any) -> bool:
    fields = {name: value.get_secret_value() for name, value in secret.fields.items()}
    return accepts_login(store, fields["username"], fields["password"])


def test_a_credential_is_made_renewed_and_replaced(backend: VaultBackend, store: redis.Redis) -> None:
    clock = ManualClock()
    recorded: list[str] = []
    resolver = Resolver(backend, lambda action, *_: recorded.append(action), cache_seconds=1, clock=clock)
    first = resolver.secret("dynamic/reader")
    assert first.lease is not None
    assert login(store, first)
    clock.advance(TTL / 2)
    assert resolver.secret("dynamic/reader") is first, "a lease is its own cache time"
    clock.advance(TTL / 4)
    renewed = resolver.secret("dynamic/reader")
    assert renewed.fields == first.fields
    assert len(recorded) == 1, "renewing is no new access"
    clock.advance(3 * TTL)
    second = resolver.secret("dynamic/reader")
    assert second.fields != first.fields
    assert login(store, second)
    assert len(recorded) == 2


def test_a_credential_that_was_taken_back_opens_nothing_and_is_not_renewed(
    backend: VaultBackend, openbao: OpenBao, store: redis.Redis
) -> None:
    secret = backend.read("dynamic/reader")
    assert secret.lease is not None
    lease = secret.lease.id
    openbao.root().call(lambda vault: vault.sys.revoke_lease(lease))
    assert not login(store, secret)
    with pytest.raises(BackendUnavailable):
        backend.renew(secret)


def test_a_resolver_replaces_what_was_taken_back(backend: VaultBackend, openbao: OpenBao, store: redis.Redis) -> None:
    resolver = Resolver(backend, lambda *_: None)
    first = resolver.secret("dynamic/reader")
    assert first.lease is not None
    lease = first.lease.id
    openbao.root().call(lambda vault: vault.sys.revoke_lease(lease))
    second = resolver.refresh("dynamic/reader")
    assert second.fields != first.fields
    assert login(store, second)
