"""Does the gateway answer what it is asked, refuse in one shape, and stay alive when its store does not?"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis
from eventually import eventually
from integration.gateway_client import bearing, gateway, key
from starlette.testclient import TestClient

from fleet import settings
from fleet.gateway import door
from fleet.gateway.logins import FAILURES
from fleet.gateway.problems import MEDIA
from fleet.secrets import api_keys, audit
from fleet.secrets.roles import Role
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import forget

CANARY = "canary-91ff-0c3e-in-request"


@pytest.fixture
def client(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("FLEET_GATEWAY__MAX_REQUEST_BYTES", "20000")
    settings.load.cache_clear()
    store.delete(keys.login_failures(current().cell, "testclient"))
    with gateway() as client:
        yield client
    settings.load.cache_clear()


@pytest.fixture
def admin(client: TestClient, store: redis.Redis) -> TestClient:
    client.headers.update(bearing(key(store, Role.ADMIN)))
    return client


def test_probes_answer_without_a_credential(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}


def test_a_caller_learns_who_it_is(client: TestClient, store: redis.Redis) -> None:
    text = key(store, Role.PRODUCER, "acme")
    answer = client.get("/api/v1/whoami", headers=bearing(text)).json()
    assert (answer["tenant"], answer["role"]) == ("acme", "producer")
    assert text.split("_")[2] not in str(answer)


def test_a_revoked_key_is_shut_out_however_long_it_would_be_believed(
    client: TestClient, store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "BELIEVED_SECONDS", 3600.0)
    channel, cell = keys.revoked_api_keys(current().cell), current().cell
    eventually(lambda: store.pubsub_numsub(channel)[0][1] == 1)
    revoked, kept = key(store, Role.VIEWER), key(store, Role.VIEWER)
    for text in (revoked, kept):
        assert client.get("/api/v1/whoami", headers=bearing(text)).status_code == 200
    store.delete(keys.api_key(cell, kept.split("_")[1]))
    api_keys.revoke(store, cell, revoked.split("_")[1])
    eventually(lambda: client.get("/api/v1/whoami", headers=bearing(revoked)).status_code == 401)
    assert client.get("/api/v1/whoami", headers=bearing(kept)).status_code == 200, "only believed: nobody told of this one"

    store.client_kill_filter(_type="pubsub")  # while nobody listens, what is told is lost: a new listener asks anew
    eventually(lambda: client.get("/api/v1/whoami", headers=bearing(kept)).status_code == 401)


@pytest.mark.parametrize(
    ("body", "headers", "status", "kind"),
    [
        (b"{", {"content-type": "application/json"}, 400, "malformed"),
        (b'{"a": NaN}', {"content-type": "application/json"}, 400, "malformed"),
        (b"\xff\xfe", {"content-type": "application/json"}, 400, "malformed"),
        (b"[" * 5000, {"content-type": "application/json"}, 400, "malformed"),
        (b"{}", {"content-type": "text/plain"}, 415, "not-json"),
        (b"{}", {}, 415, "not-json"),
        (b"[]", {"content-type": "application/json"}, 422, "invalid-request"),
        (b"{}", {"content-type": "application/json"}, 422, "invalid-request"),
        (b" " * 20001, {"content-type": "application/json"}, 413, "too-large"),
        (b"{}", {"content-type": "application/json", "content-length": "-1"}, 413, "too-large"),
    ],
)
def test_what_is_wrong_with_a_request_is_said_in_one_shape(
    admin: TestClient, body: bytes, headers: dict[str, str], status: int, kind: str
) -> None:
    answer = admin.post("/api/v1/tasks", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA
    problem = answer.json()
    assert problem["type"] == f"urn:agent-fleet:problem:{kind}"
    assert (problem["status"], problem["instance"]) == (status, "/api/v1/tasks")
    assert {"title", "detail"} <= set(problem)


def test_a_body_without_a_length_is_cut_off_at_the_limit(admin: TestClient) -> None:
    sent: list[int] = []

    def endless() -> Iterator[bytes]:
        while len(sent) < 1000:
            sent.append(1000)
            yield b" " * 1000

    answer = admin.post("/api/v1/tasks", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_every_wrong_field_is_named_and_no_value_repeated(admin: TestClient) -> None:
    wrong = {"task_type": CANARY.upper(), "payload": CANARY, "priority": 12, "deadline": CANARY}
    answer = admin.post("/api/v1/tasks", json=wrong)
    assert answer.status_code == 422
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"/task_type", "/payload", "/priority", "/deadline"}
    assert CANARY not in answer.text
    assert CANARY.upper() not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing-here", 404), ("DELETE", "/api/v1/pools", 405), ("GET", "/api/v1/tasks/a%2Fb", 404)],
)
def test_unknown_routes_and_methods_are_problems_too(admin: TestClient, method: str, path: str, status: int) -> None:
    answer = admin.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA
    assert answer.json()["status"] == status


def test_queries_are_checked(admin: TestClient) -> None:
    for query in ("limit=0", "limit=x", "limit=501", "nonsense=1"):
        assert admin.get(f"/api/v1/audit?{query}").status_code == 422
    assert admin.get("/api/v1/audit?limit=5").status_code == 200


def test_answers_may_not_be_kept_or_sniffed_and_no_other_site_is_let_in(admin: TestClient) -> None:
    for path in ("/health", "/api/v1/whoami", "/openapi.json", "/nothing-here"):
        headers = admin.get(path, headers={"origin": "https://evil.example"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert not [name for name in headers if name.startswith("access-control-")]
    assert admin.options("/api/v1/tasks", headers={"origin": "https://evil.example"}).status_code == 405


def test_refused_logins_are_recorded_limited_and_lock_nobody_out(client: TestClient, store: redis.Redis) -> None:
    good = key(store, Role.VIEWER)
    before = audit.head(store, current().cell).last.seq
    statuses = [client.get("/api/v1/whoami", headers=bearing(f"{CANARY}-{n}")).status_code for n in range(FAILURES + 5)]
    assert statuses == [401] * FAILURES + [429] * 5
    limited = client.get("/api/v1/whoami")
    assert limited.status_code == 429
    assert 1 <= int(limited.headers["retry-after"]) <= 60
    assert client.get("/api/v1/whoami", headers=bearing(good)).status_code == 200
    noted = list(audit.entries(store, current().cell, before))
    assert [entry.action for entry in noted] == ["login.refused"] * FAILURES + ["login.limited", "login.accepted"]
    assert {entry.source for entry in noted} == {"testclient"}
    assert CANARY not in str(noted)


def test_a_login_is_recorded_once_an_hour_not_with_every_request(client: TestClient, store: redis.Redis) -> None:
    text = key(store, Role.VIEWER, "acme")
    before = audit.head(store, current().cell).last.seq
    for _ in range(5):
        assert client.get("/api/v1/whoami", headers=bearing(text)).status_code == 200
    [entry] = audit.entries(store, current().cell, before)
    assert (entry.action, entry.actor, entry.detail["tenant"]) == ("login.accepted", "viewer of acme", "acme")
    assert text.split("_")[2] not in entry.as_json()


def test_the_first_start_makes_one_admin_key_and_no_second(store: redis.Redis) -> None:
    cell = "first-start"
    store.delete(keys.api_keys(cell))
    text = api_keys.first_admin(store, cell)
    assert text is not None
    found = api_keys.authenticate(store, cell, text.get_secret_value())
    assert isinstance(found, api_keys.ApiKey)
    assert (found.role, found.tenant) == (Role.ADMIN, "*")
    assert api_keys.first_admin(store, cell) is None


def test_costs_incidents_actions_and_the_audit_log_can_be_looked_at(admin: TestClient) -> None:
    assert admin.get("/api/v1/costs").json()["budgets"] == []
    assert admin.get("/api/v1/incidents").json() == {"incidents": []}
    assert admin.get("/api/v1/actions").json() == {"actions": []}
    assert "entries" in admin.get("/api/v1/audit").json()


def test_requests_are_counted_by_route_not_by_address(store: redis.Redis) -> None:
    with gateway() as client:
        client.headers.update(bearing(key(store, Role.ADMIN)))
        for number in range(3):
            client.get(f"/api/v1/tasks/{number}/events/nowhere")
            client.get("/api/v1/whoami")
    counted = store.hgetall(keys.prefix(current().cell) + "metrics")
    assert counted["fleet_gateway_requests_total|/api/v1/whoami|GET|2xx"] == "3"
    times = {name: int(n) for name, n in counted.items() if name.startswith("fleet_gateway_request_seconds|/api/v1/whoami|") and name[-1].isdigit()}
    assert sum(times.values()) == 3
    assert not [name for name in counted if "nowhere" in name]


def test_a_store_that_is_away_makes_the_gateway_unready_not_dead(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = key(store, Role.ADMIN)
    monkeypatch.setenv("FLEET_BROKER__URL", "redis://127.0.0.1:1/0")
    settings.load.cache_clear()
    try:
        with gateway() as client:
            assert client.get("/health").status_code == 200
            assert client.get("/ready").status_code == 503
            answer = client.get("/api/v1/whoami", headers=bearing(text))
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["type"].endswith("store-unavailable")
            assert "127.0.0.1" not in json.dumps(answer.json())
    finally:
        forget()
        settings.load.cache_clear()
