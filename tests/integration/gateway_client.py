"""How do tests talk to a gateway as somebody with a role?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from starlette.testclient import TestClient

from fleet.clock import SYSTEM, Clock
from fleet.gateway.app import create
from fleet.secrets import api_keys
from fleet.secrets.roles import Role
from fleet.settings import current


def key(store: redis.Redis, role: Role, tenant: str = "*", *, cell: str = "", days: float = 1, clock: Clock = SYSTEM) -> str:
    """Return a new API key of the cell under test."""
    text = api_keys.generate()
    name = f"{role.value} of {tenant}"
    api_keys.admit(store, cell or current().cell, text, name=name, tenant=tenant, role=role, days=days, clock=clock)
    return text.get_secret_value()


def bearing(credential: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"}


@contextmanager
def gateway() -> Iterator[TestClient]:
    """A gateway over the settings that apply now."""
    with TestClient(create(), raise_server_exceptions=False) as client:
        yield client
