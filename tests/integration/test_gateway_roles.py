"""Does every route let in exactly the roles its row names, and nobody with a bad, ended or foreign credential?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from integration.gateway_client import bearing, gateway, key
from starlette.testclient import TestClient

from fleet.clock import ManualClock
from fleet.gateway.app import create
from fleet.gateway.openapi import PATH
from fleet.gateway.routes import ROUTES, Route
from fleet.gateway.table import Table
from fleet.secrets.roles import Role
from fleet.settings import current
from fleet.store import keys

BODIES = {
    "POST /api/v1/tasks": {"task_type": "no_such_type", "payload": {}},
    "POST /api/v1/tasks/bulk": {"tasks": [{"task_type": "no_such_type", "payload": {}}]},
    "POST /api/v1/scale-up": {"pool": "no_such_pool", "why": "test"},
    "POST /api/v1/acts": {"verb": "drain", "target": "nobody"},
    "POST /api/v1/emergency-mode": {"why": "test", "minutes": 0.1},
    "POST /api/v1/dead-letters/{task_id}/replay": {},
    "POST /api/v1/dead-letters/replay": {"task_ids": ["no-such-task"]},
    "POST /api/v1/dead-letters/discard": {"task_ids": ["no-such-task"]},
    "POST /api/v1/pauses": {"name": "no_such_pool", "why": "test"},
}
by_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)


@pytest.fixture
def client(store: redis.Redis) -> Iterator[TestClient]:
    assert store.ping()
    with gateway() as client:
        yield client


def ask(client: TestClient, route: Route, credential: str | None) -> int:
    path = route.path.replace("{task_id}", "no-such-task").replace("{action_id}", "no-such-action")
    path = path.replace("{name}", "no_such_pool")
    headers = bearing(credential) if credential is not None else {}
    body = BODIES.get(f"{route.method} {route.path}")
    return client.request(route.method, path, headers=headers, json=body).status_code


@by_route
def test_roles_open_exactly_what_the_table_says(client: TestClient, store: redis.Redis, route: Route) -> None:
    for role in Role:
        status = ask(client, route, key(store, role))
        if route.role is None or role.covers(route.role):
            assert status not in (401, 403), f"{role} is shut out of {route.name}: {status}"
        else:
            assert status == 403, f"{role} gets {status} from {route.name}"


@by_route
def test_without_a_good_credential_only_open_routes_answer(
    client: TestClient, store: redis.Redis, route: Route
) -> None:
    good = key(store, Role.ADMIN)
    past = ManualClock(1_000_000_000)
    credentials = {
        "none": None,
        "empty": "",
        "bad": "not-a-key",
        "changed": good[:-1] + ("0" if good[-1] != "0" else "1"),
        "ended": key(store, Role.ADMIN, clock=past, days=8000),
        "foreign": key(store, Role.ADMIN, cell="another-cell"),
        "JWT without an issuer": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    }
    store.delete(keys.login_failures(current().cell, "testclient"))
    for name, credential in credentials.items():
        status = ask(client, route, credential)
        assert (status == 401) == (route.role is not None), f"{name} gets {status} from {route.name}"


def test_the_server_serves_exactly_the_table() -> None:
    [table] = create().routes
    assert isinstance(table, Table)
    assert sorted(table.rows) == sorted([("GET", PATH), *((route.method, route.path) for route in ROUTES)])


def test_nothing_but_probes_and_an_empty_page_is_open() -> None:
    assert {route.path for route in ROUTES if route.role is None} == {"/health", "/ready", "/console"}


def test_what_changes_the_fleet_needs_more_than_looking_on() -> None:
    for route in ROUTES:
        if route.method != "GET":
            assert route.role is not None
            assert route.role.covers(Role.PRODUCER), route.name
