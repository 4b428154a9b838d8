"""Can a producer submit, find, watch, wait for and cancel its tasks over HTTP, and nobody else's?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from integration.gateway_client import bearing, gateway, key
from starlette.testclient import TestClient

from fleet.dispatcher import declare
from fleet.secrets.audit import newest
from fleet.secrets.roles import Role

TASK = {"task_type": "code_generation", "payload": {"prompt": "A function that adds two numbers"}}


@pytest.fixture
def client(store: redis.Redis) -> Iterator[TestClient]:
    declare.publish()
    with gateway() as client:
        client.headers.update(bearing(key(store, Role.PRODUCER, "acme")))
        yield client


def submit(client: TestClient, **changed: Any) -> str:
    answer = client.post("/api/v1/tasks", json={**TASK, **changed})
    assert answer.status_code == 202, answer.text
    submission = answer.json()
    assert submission["answer"] == "accepted"
    assert answer.headers["location"] == f"/api/v1/tasks/{submission['task_id']}"
    return str(submission["task_id"])


def test_a_task_is_accepted_and_found_again(client: TestClient) -> None:
    task_id = submit(client, priority=8)
    found = client.get(f"/api/v1/tasks/{task_id}").json()
    assert (found["task_id"], found["tenant"], found["priority"]) == (task_id, "acme", 8)
    assert found["state"] == "held"
    listed = client.get("/api/v1/tasks", params={"state": "held", "task_type": "code_generation"}).json()["tasks"]
    assert [task["task_id"] for task in listed] == [task_id]
    assert client.get(f"/api/v1/tasks/{task_id}/decision").json()["task_id"] == task_id


def test_another_tenants_task_is_as_unknown_as_none(client: TestClient, store: redis.Redis) -> None:
    task_id = submit(client)
    other = bearing(key(store, Role.ADMIN, "rival"))
    for path in ("", "/events", "/decision"):
        assert client.get(f"/api/v1/tasks/{task_id}{path}", headers=other).status_code == 404
        assert client.get(f"/api/v1/tasks/never-was{path}", headers=other).status_code == 404
    assert client.post(f"/api/v1/tasks/{task_id}/cancel", headers=other).status_code == 404
    assert client.get("/api/v1/tasks", headers=other).json() == {"tasks": []}
    assert client.get(f"/api/v1/tasks/{task_id}", headers=bearing(key(store, Role.VIEWER, "*"))).status_code == 200


def test_a_credential_submits_for_its_own_tenant_only(client: TestClient, store: redis.Redis) -> None:
    answer = client.post("/api/v1/tasks", json={**TASK, "tenant": "rival"})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:agent-fleet:problem:other-tenant")
    bulk = client.post("/api/v1/tasks/bulk", json={"tasks": [TASK, {**TASK, "tenant": "rival"}]})
    assert bulk.status_code == 403
    assert client.get("/api/v1/tasks").json() == {"tasks": []}, "nothing of a refused request was submitted"
    everybody = bearing(key(store, Role.PRODUCER, "*"))
    task_id = client.post("/api/v1/tasks", json={**TASK, "tenant": "rival"}, headers=everybody).json()["task_id"]
    assert client.get(f"/api/v1/tasks/{task_id}", headers=everybody).json()["tenant"] == "rival"


def test_the_same_idempotency_key_names_the_same_task(client: TestClient) -> None:
    header = {"idempotency-key": "order-4711"}
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(client.post, "/api/v1/tasks", json=TASK, headers=header) for _ in range(8)]
        assert len({answer.result().json()["task_id"] for answer in asked}) == 1
    assert client.post("/api/v1/tasks", json={**TASK, "idempotency_key": "order-4712"}).json()["task_id"]
    assert len(client.get("/api/v1/tasks").json()["tasks"]) == 2
    assert client.post("/api/v1/tasks", json=TASK, headers={"idempotency-key": "x" * 201}).status_code == 422


def test_each_task_of_a_bulk_has_its_own_outcome(client: TestClient) -> None:
    wrong = {**TASK, "task_type": "no_such_type"}
    answer = client.post("/api/v1/tasks/bulk", json={"tasks": [TASK, wrong, TASK]}, headers={"idempotency-key": "b"})
    outcomes = answer.json()["submissions"]
    assert [outcome["answer"] for outcome in outcomes] == ["accepted", "refused", "accepted"]
    assert "no_such_type" in outcomes[1]["reason"]
    again = client.post("/api/v1/tasks/bulk", json={"tasks": [TASK]}, headers={"idempotency-key": "b"})
    assert again.json()["submissions"][0]["task_id"] == outcomes[0]["task_id"]


def test_what_can_never_work_is_refused_with_the_place(client: TestClient) -> None:
    answer = client.post("/api/v1/tasks", json={**TASK, "task_type": "code_generatoin"})
    assert answer.status_code == 422
    assert "did you mean 'code_generation'" in answer.json()["detail"]


def test_a_cancelled_task_is_over_and_on_record(client: TestClient) -> None:
    task_id = submit(client)
    assert client.post(f"/api/v1/tasks/{task_id}/cancel").json() == {"task_id": task_id, "was": "held"}
    assert client.get(f"/api/v1/tasks/{task_id}").json()["state"] == "cancelled"
    assert client.post(f"/api/v1/tasks/{task_id}/cancel").status_code == 409
    [entry] = newest(1)
    assert (entry.action, entry.target, entry.actor) == ("task.cancel", task_id, "producer of acme")


def test_waiting_ends_with_the_task_or_with_patience(client: TestClient) -> None:
    task_id = submit(client)
    assert client.get(f"/api/v1/tasks/{task_id}", params={"wait_seconds": 0.2}).json()["state"] == "held"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, f"/api/v1/tasks/{task_id}", params={"wait_seconds": 20})
        client.post(f"/api/v1/tasks/{task_id}/cancel")
        assert waiting.result(10).json()["state"] == "cancelled"
    assert client.get(f"/api/v1/tasks/{task_id}", params={"wait_seconds": 61}).status_code == 422


def test_a_stream_tells_every_change_and_ends_with_the_task(client: TestClient) -> None:
    task_id = submit(client)
    states: list[str] = []
    with client.stream("GET", f"/api/v1/tasks/{task_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        client.post(f"/api/v1/tasks/{task_id}/cancel")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                states.append(json.loads(line.removeprefix("data: "))["state"])
    assert states[-1] == "cancelled"
    assert states in (["held", "cancelled"], ["cancelled"])
