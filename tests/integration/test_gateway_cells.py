"""A gateway at home in one of two cells: does it find, explain, end and act on tasks wherever their tenant lives?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import forget_facts
from integration.gateway_client import bearing, gateway, key
from rig import Rig
from starlette.testclient import TestClient

from fleet.dispatcher import declare
from fleet.dispatcher.cells import routing
from fleet.secrets.roles import Role
from fleet.settings import in_cell
from fleet.store import keys
from fleet.store.client import connect, forget
from fleet.supervisor import valkey

DECLARED = {
    "defaults": False,
    "agent_types": {"a": {"module": "agents.nothing", "runs": ["job"]}},
    "task_types": {"job": {"expected_seconds": 1, "max_attempts": 1}},
    "pools": {"a": {"agent_type": "a", "slots": 1}},
}
TENANTS = [f"tenant{n}" for n in range(8)]


@pytest.fixture
def rigs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Rig]]:
    """Two cells on servers of their own; this process, and so the gateway, is at home in the first."""
    file, brokers = tmp_path / "fleet.yaml", {}
    file.write_text(yaml.safe_dump(DECLARED))
    for name in ("east", "west"):
        (tmp_path / name).mkdir()
        brokers[name] = valkey.start(tmp_path / name)
        monkeypatch.setenv(f"FLEET_CELLS__{name.upper()}__BROKER_URL", brokers[name].url)
    monkeypatch.setenv("FLEET_CELL", "east")
    monkeypatch.setenv("FLEET_FILE", str(file))
    monkeypatch.setenv("FLEET_STATE_DIR", str(tmp_path))
    forget()
    forget_facts()
    found = {}
    for cell in routing.each():
        declare.publish()
        found[cell] = Rig(connect(), keys.prefix(cell))
    yield found
    forget()
    for broker in brokers.values():
        broker.process.kill()
        broker.process.wait(10)
    monkeypatch.undo()
    forget_facts()


@pytest.fixture
def client(rigs: dict[str, Rig]) -> Iterator[TestClient]:
    with gateway() as client:
        client.headers.update(bearing(key(rigs["east"].store, Role.OPERATOR)))
        yield client


def submitted(client: TestClient) -> dict[str, str]:
    """A task of every tenant, by id: the cell that has it."""
    answers = [client.post("/api/v1/tasks", json={"task_type": "job", "payload": {}, "tenant": tenant}) for tenant in TENANTS]
    assert {answer.status_code for answer in answers} == {202}
    homes = {answer.json()["task_id"]: answer.json()["cell"] for answer in answers}
    assert set(homes.values()) == {"east", "west"}
    return homes


def test_tasks_are_found_explained_searched_and_cancelled_in_either_cell(client: TestClient, rigs: dict[str, Rig]) -> None:
    homes = submitted(client)
    for task_id, cell in homes.items():
        assert rigs[cell].store.exists(rigs[cell].key(f"task:{task_id}"))
        assert client.get(f"/api/v1/tasks/{task_id}").json()["state"] == "held"
        told = client.get(f"/api/v1/tasks/{task_id}/decision").json()
        assert (told["task_id"], bool(told["said"])) == (task_id, True)
    assert {task["task_id"] for task in client.get("/api/v1/tasks").json()["tasks"]} == set(homes)
    for task_id in homes:
        assert client.post(f"/api/v1/tasks/{task_id}/cancel").json() == {"task_id": task_id, "was": "held"}
        assert client.get(f"/api/v1/tasks/{task_id}").json()["state"] == "cancelled"
    assert {task["state"] for task in client.get("/api/v1/tasks").json()["tasks"]} == {"cancelled"}


def test_a_bulk_goes_to_both_cells_and_answers_in_order(client: TestClient, rigs: dict[str, Rig]) -> None:
    wishes = [{"task_type": "job", "payload": {"n": n}, "tenant": TENANTS[n % 8], "idempotency_key": f"k{n}"} for n in range(250)]
    first = client.post("/api/v1/tasks/bulk", json={"tasks": wishes}).json()["submissions"]
    again = client.post("/api/v1/tasks/bulk", json={"tasks": wishes}).json()["submissions"]
    assert [answer["task_id"] for answer in first] == [answer["task_id"] for answer in again]
    assert sum(rig.held() for rig in rigs.values()) == 250
    assert all(rig.held() for rig in rigs.values())


def test_a_result_is_waited_for_and_a_dead_letter_run_again_where_it_is(client: TestClient, rigs: dict[str, Rig]) -> None:
    homes = submitted(client)
    for cell, rig in rigs.items():
        with in_cell(cell):
            rig.worker("w", "a")
            for outcome in ("done", "retry"):
                rig.end(rig.start("a", "w"), outcome, reason="it fell over")
    ended = {state: client.get("/api/v1/tasks", params={"state": state}).json()["tasks"] for state in ("done", "dead")}
    assert {homes[task["task_id"]] for task in ended["done"]} == {"east", "west"}
    assert all(client.get(f"/api/v1/tasks/{task['task_id']}", params={"wait_seconds": 5}).json()["state"] == "done" for task in ended["done"])
    letters = client.get("/api/v1/dead-letters").json()["dead_letters"]
    assert {homes[letter["task_id"]] for letter in letters} == {"east", "west"}
    states = client.post("/api/v1/dead-letters/replay", json={"reason": "fell over"}).json()["states"]
    assert states.keys() == {letter["task_id"] for letter in letters}
    assert set(states.values()) <= {"held", "released"}


def test_a_pause_holds_in_every_cell(client: TestClient, rigs: dict[str, Rig]) -> None:
    for cell, rig in rigs.items():
        with in_cell(cell):
            rig.worker("w", "a")
    assert client.post("/api/v1/pauses", json={"name": "job", "why": "outage"}).json()["cells"] == ["east", "west"]
    homes = submitted(client)
    assert {client.get(f"/api/v1/tasks/{task_id}").json()["state"] for task_id in homes} == {"held"}
    assert client.delete("/api/v1/pauses/job").json()["cells"] == ["east", "west"]
    states = {cell: {client.get(f"/api/v1/tasks/{task_id}").json()["state"] for task_id, home in homes.items() if home == cell} for cell in rigs}
    assert all("released" in found for found in states.values())


def test_a_silent_cell_fails_its_own_tenants_only(client: TestClient, rigs: dict[str, Rig]) -> None:
    homes = submitted(client)
    rigs["west"].store.shutdown(nosave=True)
    for task_id, cell in homes.items():
        assert client.get(f"/api/v1/tasks/{task_id}").status_code == (200 if cell == "east" else 503)
    answers = [client.post("/api/v1/tasks", json={"task_type": "job", "payload": {}, "tenant": tenant}).status_code for tenant in TENANTS]
    assert answers == [202 if cell == "east" else 503 for cell in homes.values()]
