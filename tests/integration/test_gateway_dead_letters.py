"""Are dead letters listed, inspected, edited, tried again and forgotten over HTTP, and pools paused, as from a terminal?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis
from integration.gateway_client import bearing, gateway, key
from rig import Rig
from starlette.testclient import TestClient

from fleet.secrets.audit import newest
from fleet.secrets.roles import Role

DEAD = "/api/v1/dead-letters"


@pytest.fixture
def rig(declared: Callable[..., Rig]) -> Rig:
    rig = declared(task_types={"job": {"max_attempts": 1}, "chore": {"max_attempts": 1}})
    rig.worker("w", "a")
    return rig


@pytest.fixture
def client(rig: Rig, store: redis.Redis) -> Iterator[TestClient]:
    with gateway() as client:
        client.headers.update(bearing(key(store, Role.PRODUCER, "acme")))
        yield client


def dead(rig: Rig, tenant: str = "acme", task_type: str = "job", reason: str = "model server fell over") -> str:
    task_id = rig.submit(task_type, {"n": 1}, tenant=tenant).id
    assert rig.end(rig.start("a", "w"), "retry", reason=reason) == "dead"
    return task_id


def on_record(prefix: str) -> list[tuple[str, str, str]]:
    """Action, target and actor of the audit entries of a kind, newest first."""
    return [(entry.action, entry.target, entry.actor) for entry in newest(50) if entry.action.startswith(prefix)]


def test_a_dead_letter_is_listed_inspected_edited_and_run_again(client: TestClient, rig: Rig) -> None:
    task_id = dead(rig)
    [listed] = client.get(DEAD).json()["dead_letters"]
    assert (listed["task_id"], listed["state"], listed["task_type"]) == (task_id, "dead", "job")
    assert "model server" in listed["reason"]
    assert client.get(f"{DEAD}/{task_id}").json()["payload"] == {"n": 1}
    answer = client.post(f"{DEAD}/{task_id}/replay", json={"payload": {"n": 2}})
    assert (answer.status_code, answer.json()) == (200, {"task_id": task_id, "state": "released"})
    assert rig.end(rig.start("a", "w")) == "done"
    assert client.get(DEAD).json() == {"dead_letters": []}
    assert on_record("task.") == [("task.replay", task_id, "producer of acme")]
    again = client.post(f"{DEAD}/{task_id}/replay", json={})
    assert (again.status_code, "lists them" in again.json()["detail"]) == (404, True)
    rig.check()


def test_a_dead_letter_is_forgotten(client: TestClient, rig: Rig) -> None:
    task_id = dead(rig)
    assert client.delete(f"{DEAD}/{task_id}").json() == {"task_id": task_id, "state": "discarded"}
    assert client.delete(f"{DEAD}/{task_id}").status_code == 404
    assert client.get(f"/api/v1/tasks/{task_id}").status_code == 404


def test_another_tenants_dead_letter_is_as_unknown_as_none(client: TestClient, rig: Rig, store: redis.Redis) -> None:
    theirs, mine = dead(rig, "rival"), dead(rig)
    assert [row["task_id"] for row in client.get(DEAD).json()["dead_letters"]] == [mine]
    assert client.get(DEAD, params={"tenant": "rival"}).json() == {"dead_letters": []}
    for answer in (client.get(f"{DEAD}/{theirs}"), client.delete(f"{DEAD}/{theirs}"), client.post(f"{DEAD}/{theirs}/replay", json={})):
        assert answer.status_code == 404
    both = client.post(f"{DEAD}/discard", json={"task_ids": [theirs, mine, "never-was"]}).json()
    assert both == {"states": {theirs: "is no dead letter", mine: "discarded", "never-was": "is no dead letter"}, "left": 0}
    operator = bearing(key(store, Role.OPERATOR))
    assert [row["task_id"] for row in client.get(DEAD, headers=operator).json()["dead_letters"]] == [theirs]


def test_many_are_run_again_by_what_they_have_in_common(client: TestClient, rig: Rig) -> None:
    wanted = [dead(rig) for _ in range(3)]
    kept = [dead(rig, task_type="chore"), dead(rig, reason="bad prompt")]
    choice = {"task_type": "job", "reason": "model server", "limit": 2}
    first = client.post(f"{DEAD}/replay", json=choice).json()
    assert (list(first["states"]), first["left"]) == (wanted[:2], 1), "oldest first"
    assert list(client.post(f"{DEAD}/replay", json=choice).json()["states"]) == wanted[2:]
    assert [row["task_id"] for row in client.get(DEAD).json()["dead_letters"]] == kept
    for _ in wanted:
        assert rig.end(rig.start("a", "w")) == "done"
    rig.check()


def test_an_edit_the_task_type_does_not_allow_leaves_the_letter_dead(client: TestClient, rig: Rig) -> None:
    task_id = dead(rig)
    answer = client.post(f"{DEAD}/{task_id}/replay", json={"payload": {"n": "x" * 2_000_000}})
    assert answer.status_code in (413, 422)
    assert rig.state(task_id) == "dead"


def test_a_pool_and_a_task_type_are_paused_and_let_go(client: TestClient, rig: Rig, store: redis.Redis) -> None:
    operator = bearing(key(store, Role.OPERATOR))
    for name in ("a", "job"):
        assert client.post("/api/v1/pauses", json={"name": name, "why": "outage"}, headers=operator).json() == {"name": name, "cells": ["main"]}
    assert client.get("/api/v1/pauses").json()["paused"] == [{"name": name, "why": "outage", "cell": "main"} for name in ("a", "job")]
    handle = rig.submit(tenant="acme")
    assert handle.status == "held"
    for name in ("a", "job"):
        assert client.delete(f"/api/v1/pauses/{name}", headers=operator).json() == {"name": name, "cells": ["main"]}
    assert handle.status == "released"
    assert [action for action, _, _ in on_record("pool.")] == ["pool.resume"] * 2 + ["pool.pause"] * 2


def test_what_cannot_be_paused_is_told_with_the_choices(client: TestClient, store: redis.Redis) -> None:
    operator = bearing(key(store, Role.OPERATOR))
    wrong = client.post("/api/v1/pauses", json={"name": "jbo", "why": "outage"}, headers=operator)
    assert (wrong.status_code, "did you mean 'job'" in wrong.json()["detail"]) == (422, True)
    assert client.delete("/api/v1/pauses/jbo", headers=operator).json()["type"].endswith("no-such-name")
    assert client.delete("/api/v1/pauses/job", headers=operator).json()["type"].endswith("not-paused")
