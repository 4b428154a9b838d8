"""Do an operator's actions over HTTP take hold, end on request, and stand in the audit log under its name?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from conftest import forget_facts
from integration.gateway_client import bearing, gateway, key
from starlette.testclient import TestClient

from fleet.dispatcher import declare
from fleet.registry import roster
from fleet.secrets.audit import newest
from fleet.secrets.roles import Role

TASK = {"task_type": "code_generation", "payload": {"prompt": "A function"}}


@pytest.fixture
def client(store: redis.Redis) -> Iterator[TestClient]:
    declare.publish()
    with gateway() as client:
        client.headers.update(bearing(key(store, Role.OPERATOR)))
        yield client


def test_emergency_mode_throttles_and_is_undone(client: TestClient) -> None:
    wish = {"admitted_share": 0.05, "minutes": 10, "why": "provider outage"}
    taken = client.post("/api/v1/emergency-mode", json=wish)
    assert taken.status_code == 202, taken.text
    [action] = client.get("/api/v1/actions").json()["actions"]
    assert (action["id"], action["why"]) == (taken.json()["id"], "provider outage")
    answers = [client.post("/api/v1/tasks", json=TASK) for _ in range(40)]
    deferred = [answer for answer in answers if answer.status_code == 429]
    assert len(deferred) > 20
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in deferred)
    undone = client.delete(f"/api/v1/actions/{action['id']}")
    assert undone.status_code == 200
    assert client.get("/api/v1/actions").json() == {"actions": []}
    assert client.post("/api/v1/tasks", json=TASK).status_code == 202
    entries = [(entry.action, entry.actor) for entry in newest(2)]
    assert entries == [("action.undo", "operator of *"), ("action.take", "operator of *")]


def test_a_pool_is_scaled_up_for_a_time(client: TestClient) -> None:
    taken = client.post("/api/v1/scale-up", json={"pool": "code_generator", "replicas": 2, "why": "launch"})
    assert taken.status_code == 202, taken.text
    assert "code_generator" in taken.json()["reason"]
    unknown = client.post("/api/v1/scale-up", json={"pool": "no_such_pool", "why": "launch"})
    assert (unknown.status_code, unknown.json()["type"]) == (409, "urn:agent-fleet:problem:action-refused")


def test_an_action_that_is_not_in_force_cannot_be_undone(client: TestClient) -> None:
    assert client.delete("/api/v1/actions/never-was").status_code == 404


def test_an_operator_drains_and_takes_it_back(client: TestClient) -> None:
    roster.register("w", "code_generator", 2, {"agent_type": "code_generator"})
    for verb, target, status in (("drain", "w", "maintenance"), ("undrain", "w", "idle")):
        done = client.post("/api/v1/acts", json={"verb": verb, "target": target, "why": "new kernel"})
        assert (done.status_code, done.json()["said"]) == (200, f"worker w: {status}")
        assert [one.status for one in roster.workers()] == [status]
    told = [(entry.action, entry.target, entry.actor, entry.source.partition(",")[0]) for entry in newest(20) if entry.target == "w"]
    assert told == [("worker.undrain", "w", "operator of *", "gateway"), ("worker.drain", "w", "operator of *", "gateway")]


@pytest.mark.parametrize(("verb", "target"), [("drain", "nobody"), ("acknowledge", "no_such_incident")])
def test_an_act_on_nothing_is_refused_and_says_so(client: TestClient, verb: str, target: str) -> None:
    answer = client.post("/api/v1/acts", json={"verb": verb, "target": target})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:agent-fleet:problem:act-refused")
    assert target in answer.json()["detail"]


@pytest.mark.parametrize(("route", "wish"), [("acts", {"verb": "drain", "target": "w"}), ("pauses", {"name": "code_generator", "why": "x"})])
def test_a_gateway_that_only_looks_changes_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, route: str, wish: dict[str, str]
) -> None:
    monkeypatch.setenv("FLEET_READ_ONLY", "1")
    forget_facts()
    answer = client.post(f"/api/v1/{route}", json=wish)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:agent-fleet:problem:read-only")
