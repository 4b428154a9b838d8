"""Two cells, two brokers, real workers in each: is every task run once, where its tenant belongs, also while one is drained?"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import forget_facts
from e2e.cell import TESTS, Cell
from eventually import eventually
from typed import begin, blocks, typed

from fleet import submit
from fleet.cli.main import cli
from fleet.dispatcher import declare, tasks
from fleet.dispatcher.cells import draining, routing, standing
from fleet.dispatcher.handle import TaskHandle
from fleet.dispatcher.mending import mend
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.registry import roster
from fleet.settings import in_cell
from fleet.store import keys
from fleet.store.client import connect, forget
from fleet.supervisor import valkey

FILE = Path(__file__).parent / "agents" / "cells.yaml"
WAIT = 60
TENANTS = [f"tenant{n}" for n in range(12)]


@dataclass
class Two:
    """The cells by name, this process being a producer at home in the first."""

    east: Cell
    west: Cell

    def start(self, cell: str, pool: str = "steps", slots: int = 2) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FLEET_CELL", cell)
            worker = getattr(self, cell).start(pool, f"{pool}-{cell}", slots=slots, ready=False)
        with in_cell(cell):
            eventually(worker.is_ready, timeout=WAIT)


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    cells: dict[str, Cell] = {}
    for name in ("east", "west"):
        (tmp_path / name).mkdir()
        cells[name] = Cell(valkey.start(tmp_path / name), tmp_path / name)
        monkeypatch.setenv(f"FLEET_CELLS__{name.upper()}__BROKER_URL", cells[name].broker.url)
    monkeypatch.setenv("FLEET_CELL", "east")
    monkeypatch.setenv("FLEET_FILE", str(FILE))
    monkeypatch.setenv("FLEET_STATE_DIR", str(tmp_path))
    forget()
    forget_facts()
    for _ in routing.each():
        declare.publish()
    yield Two(**cells)
    for cell in cells.values():
        cell.stop()
    forget()
    for cell in cells.values():
        cell.broker.process.kill()
        cell.broker.process.wait(10)
    monkeypatch.undo()
    forget_facts()


def fleet(*arguments: str) -> dict[str, object]:
    outcome = CliRunner().invoke(cli, [*arguments, "--json"])
    assert outcome.exit_code == 0, outcome.output
    return json.loads(outcome.stdout)


def ends() -> Counter[str]:
    return Counter(row.task_id for _ in routing.each() for row in tasks.search(limit=10_000))


@pytest.mark.timeout(300)
def test_tenants_have_a_home_and_a_drained_cell_is_emptied_under_load(two: Two) -> None:
    two.start("east")
    two.start("west")
    first = [submit("add", {"x": 1}, tenant=tenant) for tenant in TENANTS]
    assert {task.get(WAIT)["sum"] for task in first} == {1}
    homes = {task.submission.cell for task in first}
    assert homes == {"east", "west"}
    assert [task.submission.cell for task in first] == [routing.choices(tenant, "add")[0] for tenant in TENANTS]

    # More than the slots of a cell can run: most of it is held, some waits for its time, while producers go on.
    wishes = [TaskRequest("nap", {"seconds": 0.1}, tenant=tenant, delay_seconds=n % 2) for n in range(6) for tenant in TENANTS]
    load = [*submit_many(wishes), *submit_many(TaskRequest("stubborn", {"until": 1}, tenant=tenant) for tenant in TENANTS)]
    said = fleet("cells", "drain", "west", "--wait", "40")
    assert sum(said["moved"].values()) > 0  # type: ignore[attr-defined]
    after = [submit("nap", {"seconds": 0.01}, tenant=tenant) for tenant in TENANTS]
    assert {task.submission.cell for task in after} == {"east"}
    with in_cell("west"):
        eventually(lambda: not draining.evacuate().moved and not any(fleet_counts("west")), timeout=WAIT)
    handles = [task for task in [*load, *after] if isinstance(task, TaskHandle)]
    assert len(handles) == len(load) + len(after)
    eventually(lambda: {task.status for task in handles} == {"done"}, timeout=WAIT)
    assert ends() == Counter({task.id: 1 for task in [*first, *handles]}), "one end each, in one cell"
    assert all(task.get(WAIT) for task in handles if task.submission.cell == "west"), "a handle follows its task"
    for _ in routing.each():
        assert mend() == {"mended": 0}

    assert fleet("cells", "undrain", "west")["was_drained"]
    assert {submit("add", {"x": 1}, tenant=tenant).submission.cell for tenant in TENANTS} == {"east", "west"}


def fleet_counts(cell: str) -> tuple[int, int, int, int]:
    from fleet.dispatcher.cells import standing

    row = standing.of(cell)
    return row.inflight, row.held, row.waiting, row.moving


@pytest.mark.timeout(300)
def test_what_only_one_cell_can_run_goes_there_and_commands_see_both(two: Two) -> None:
    two.start("east")
    two.start("west")
    two.start("west", "westerners")
    only_west = [submit("nap_apart", {"seconds": 0.01}, tenant=tenant) for tenant in TENANTS]
    assert {task.submission.cell for task in only_west} == {"west"}
    assert all(task.get(WAIT) for task in only_west)
    far = next(submit("add", {"x": 2}, tenant=tenant) for tenant in TENANTS if routing.choices(tenant, "add")[0] == "west")
    assert far.get(WAIT)["sum"] == 2
    explained = fleet("explain", "task", far.id)
    assert (explained["state"], explained["pool"]) == ("done", "steps")
    assert fleet("status", far.id)["cell"] == "west"
    assert set(fleet("status")["cells"]) == {"east", "west"}  # type: ignore[call-overload]
    rows = {row["name"]: row for row in fleet("cells", "list")}  # type: ignore[index, union-attr]
    assert {name: row["state"] for name, row in rows.items()} == {"east": "open", "west": "open"}
    assert rows["west"]["slots"] == 4
    found = fleet("cells", "where", "tenant1")["task_types"]
    assert found["nap_apart"] == {"cell": "west", "preference": ["west"]}  # type: ignore[index]

    # What no other cell can run stays and ends where it is; new ones are told when to come again.
    two.west.workers[-1].stop()
    stuck = submit("nap_apart", {"seconds": 0.01})
    draining.drain("west", "test", "me")
    with in_cell("west"):
        assert draining.evacuate().stay >= 0
    refused = submit("nap_apart", {"seconds": 0.01})
    assert (refused.submission.answer, refused.submission.retry_after_seconds) == ("deferred", 30.0)
    assert "undrain" in refused.submission.reason
    assert stuck.cancel() in ("held", "released")

    # A cell that does not answer is seen as silent, and fails its own tenants only.
    draining.undrain("west")
    two.west.kill_broker()
    rows = {row["name"]: row for row in fleet("cells", "list")}  # type: ignore[index, union-attr]
    assert (rows["east"]["state"], rows["west"]["state"]) == ("open", "silent")
    answers = list(submit_many(TaskRequest("add", {"x": 1}, tenant=tenant) for tenant in TENANTS))
    failed = {tenant for tenant, answer in zip(TENANTS, answers, strict=True) if isinstance(answer, Exception)}
    assert failed == {tenant for tenant in TENANTS if routing.choices(tenant, "add")[0] == "west"}


def test_a_move_that_stopped_half_way_is_finished_once(two: Two) -> None:
    """Every place a mover can die at: nothing is lost, nothing runs twice."""
    from fleet.store.scripts import resident, script

    with in_cell("west"):
        tenant = next(tenant for tenant in TENANTS if routing.choices(tenant, "nap")[0] == "west")
        held = [submit("nap", {"n": n}, tenant=tenant, delay_seconds=60 * (n == 2), deadline_seconds=600 if n == 1 else None) for n in range(3)]
        draining.drain("west", "test", "me")
        west, east = connect(), keys.prefix("east")
        flat = [value for task in held for value in (task.id, "east")]
        taken = script("dispatcher/cells/take_out.lua")(west, [keys.prefix("west")], flat)
        assert len(taken) == 3
        assert {task.status for task in held} == {"moving"}
    with in_cell("east"):
        assert resident("dispatcher/cells/take_in.lua")(connect(), [east], taken[:2])[0] == 2
    with in_cell("west"):
        assert draining.evacuate().moved == {"east": 3}
        assert draining.evacuate().moved == {}
    with in_cell("east"):
        assert resident("dispatcher/cells/take_in.lua")(connect(), [east], taken)[0] == 0, "a late repetition changes nothing"
        records = [tasks.read(task.id) for task in held]
        assert [record.state for record in records if record] == ["held"] * 3
        assert connect().zscore(f"{east}delayed", held[2].id) is not None
        assert connect().zscore(f"{east}deadlines", held[1].id) is not None
        # And on again, to where it came from: the note left there is older than the task that arrives.
        draining.undrain("west")
        draining.drain("east", "test", "me")
        assert draining.evacuate().moved == {"west": 3}
        assert resident("dispatcher/cells/take_in.lua")(connect(), [east], taken)[0] == 0
    with in_cell("west"):
        assert [record.state for task in held if (record := tasks.read(task.id))] == ["held"] * 3
    for _ in routing.each():
        assert mend() == {"mended": 0}


@pytest.mark.timeout(300)
def test_what_the_page_says_works_as_it_is_typed(two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    start, look, drain = blocks("cells.md")
    servers = {f"redis://redis-{name}:6379/0": getattr(two, name).broker.url for name in ("east", "west")}
    shell = begin(start, {**servers, "fleet worker code_generator": "fleet worker steps"}, tmp_path)
    try:
        for name in ("east", "west"):
            with in_cell(name):
                eventually(lambda: any(row.status == "idle" for row in roster.workers()), timeout=WAIT)
        code, said = typed(look, {}, tmp_path)
        assert code == 0, said
        assert "east" in said
        assert "west" in said
        submit("add", {"x": 1, "y": 2}, tenant="acme").get(WAIT)
        code, said = typed(drain, {}, tmp_path)
        assert code == 0, said
        assert "west is drained" in said
        assert {row.state for row in standing.every()} == {"open"}
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
        shell.communicate(timeout=60)
