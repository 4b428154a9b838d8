"""Is an upgrade, and the way back, survived by tasks in flight? Old and new builds side by side on real processes, under load."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import forget_facts
from e2e.cell import Cell, Worker, running
from eventually import eventually

from fleet.app import app
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.dispatcher.tasks import OVER, read
from fleet.registry import roster

AGENTS = Path(__file__).parent / "agents"
PAYLOADS: dict[str, dict[str, Any]] = {"old": {"text": "one two"}, "new": {"words": ["one", "two"]}}


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    with running(tmp_path, {"FLEET_FILE": str(AGENTS / "shapes-old.yaml"), "FLEET_BUILD": "old"}) as cell:
        yield cell


def become(build: str) -> None:
    """From now on this producer, and whoever it starts, is of that build; the cell puts back what was there before."""
    os.environ |= {"FLEET_FILE": str(AGENTS / f"shapes-{build}.yaml"), "FLEET_BUILD": build}
    forget_facts()


def produce(build: str, count: int) -> list[str]:
    made = [answer for answer in submit_many(TaskRequest("shape", PAYLOADS[build]) for _ in range(count)) if not isinstance(answer, Exception)]
    assert len(made) == count
    return [handle.submission.task_id for handle in made]


def replace(old: Worker, cell: Cell, name: str) -> Worker:
    """As a Deployment rolls: the new pod is ready before the old one is told to go, and that one drains."""
    new = cell.start("shaper", name)
    old.tell(signal.SIGTERM)
    return new


def ends(ids: list[str]) -> Counter[tuple[str, int, str]]:
    """Wait for all of them; returns (state, contract, build that ran it)."""
    eventually(lambda: all((record := read(one)) is not None and record.state in OVER for one in ids), timeout=60)
    found = []
    for one in ids:
        record, result = read(one), app.AsyncResult(one).result
        assert record is not None
        found.append((record.state, record.contract, result["build"] if isinstance(result, dict) else repr(result)))
    return Counter(found)


def test_an_upgrade_and_its_rollback_lose_nothing(cell: Cell) -> None:
    worker = cell.start("shaper", "before")
    ids = produce("old", 40)
    become("new")
    ids += produce("new", 40)  # a gateway may be of the new build before any worker is
    assert read(ids[-1]).state == "held"  # type: ignore[union-attr]
    worker = replace(worker, cell, "after")
    ids += produce("new", 40)
    become("old")  # helm rollback, while the new build's tasks wait
    ids += produce("old", 40)
    worker = replace(worker, cell, "back")
    eventually(lambda: {row.version for row in roster.workers()} == {"old"}, timeout=60)
    become("new")
    ids += produce("new", 5)
    assert read(ids[-1]).state == "held"  # type: ignore[union-attr]
    replace(worker, cell, "again")
    found = ends(ids)
    assert found.total() == 165
    assert {state for state, _, _ in found} == {"done"}
    assert {(contract, build) for _, contract, build in found} <= {(1, "old"), (1, "new"), (2, "new")}
    assert found["done", 2, "new"] == 85


def test_what_an_old_worker_finds_in_the_queue_it_gives_back(cell: Cell) -> None:
    become("new")
    new = cell.start("shaper", "new")
    app.control.cancel_consumer("fleet.shaper", destination=[new.node], reply=True)  # it is there, but takes nothing
    ids = produce("new", 2)
    assert {record.state for one in ids if (record := read(one))} == {"released"}
    become("old")
    old = cell.start("shaper", "old")
    eventually(lambda: {record.state for one in ids if (record := read(one))} == {"held"})
    said = read(ids[0]).reason  # type: ignore[union-attr]
    assert said == "contract 2 of shape, made by new, is not understood by build old, which knows 1"
    old.tell(signal.SIGTERM)
    app.control.add_consumer("fleet.shaper", destination=[new.node], reply=True)
    assert ends(ids) == {("done", 2, "new"): 2}
