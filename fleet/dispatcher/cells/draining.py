"""How is a cell emptied into the others, and opened again?

Between two stores there is no transaction: a task is taken out (and waits as `moving`), taken in elsewhere, let go. Every
step may be repeated, so whoever dies in between leaves nothing that the next `evacuate` does not finish. What runs, and
what a chord counts, ends where it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fleet.dispatcher.cells import routing
from fleet.dispatcher.publish import publish_rest
from fleet.errors import Conflict, StoreUnavailable
from fleet.settings import cell_names, current, in_cell
from fleet.store import keys
from fleet.store.client import available, connect
from fleet.store.scripts import resident, script

AT_ONCE = 100
LOOKED_AT = 2000
"""Held tasks of a lane, and of those that wait for their time, that one round looks at."""


@dataclass(frozen=True, slots=True)
class Evacuated:
    """What one evacuation did: tasks that went, by cell, and held ones that have nowhere to go or must end here."""

    moved: dict[str, int]
    stay: int


def drain(cell: str, why: str, by: str) -> None:
    """Close the cell: from now on its tenants' new tasks go to their next cell. `evacuate` moves what it holds."""
    with in_cell(cell):
        if not any(name != cell and _is_open(name) for name in cell_names()):
            raise Conflict(f"cell {cell!r} is the only one that is open: undrain or declare another one first")
        with available():
            key = f"{keys.prefix(cell)}drained"
            connect().hset(key, mapping={"since": f"{time.time():.3f}", "why": why, "by": by})


def undrain(cell: str) -> bool:
    """Open the cell again; returns whether it was drained. Tasks that have moved stay where they are."""
    with in_cell(cell), available():
        return bool(connect().delete(f"{keys.prefix(cell)}drained"))


def is_drained(cell: str) -> bool:
    """Ask the cell whether it is drained."""
    with in_cell(cell), available():
        return bool(connect().exists(f"{keys.prefix(cell)}drained"))


def _is_open(cell: str) -> bool:
    try:
        return not is_drained(cell)
    except StoreUnavailable:
        return False


def evacuate() -> Evacuated:
    """Move what this cell holds to the cells it would go to now, and finish moves begun earlier; safe to repeat."""
    cell, moved, stay = current().cell, dict[str, int](), 0
    others = {name for name in cell_names() if name != cell and _is_open(name)}
    _move(_begun(), moved)
    if not is_drained(cell):
        return Evacuated(moved, 0)
    wishes: list[tuple[str, str]] = []
    for task_id, tenant, task_type, waited_for in _held():
        targets = [name for name in routing.choices(tenant, task_type) if name in others]
        if targets and not waited_for:
            wishes.append((task_id, targets[0]))
        else:
            stay += 1
    _move(wishes, moved)
    return Evacuated(moved, stay)


def _begun() -> list[tuple[str, str]]:
    """Return tasks that were taken out and never let go, with the cell each was meant for."""
    prefix = keys.prefix(current().cell)
    client: Any = connect()
    with available():
        ids = client.zrange(f"{prefix}moving", 0, LOOKED_AT - 1)
        return [(task_id, client.hget(f"{prefix}task:{task_id}", "moving_to")) for task_id in ids]


def _held() -> Iterable[tuple[str, str, str, str]]:
    prefix = keys.prefix(current().cell)
    client: Any = connect()
    with available():
        places = [f"{prefix}held:{lane}" for lane in client.smembers(f"{prefix}lanes")]
        ids = [task for place in (*places, f"{prefix}delayed", f"{prefix}parked") for task in client.zrange(place, 0, LOOKED_AT - 1)]
        pipe = client.pipeline(transaction=False)
        for task_id in ids:
            pipe.hmget(f"{prefix}task:{task_id}", "tenant", "type", "waited_for")
        rows = pipe.execute() if ids else []
    return [(task_id, row[0], row[1], row[2] or "") for task_id, row in zip(ids, rows, strict=True) if row[1]]


def _move(wishes: list[tuple[str, str]], moved: dict[str, int]) -> None:
    """Carry tasks over, a hundred at a time; counts into `moved`."""
    for start in range(0, len(wishes), AT_ONCE):
        flat = [value for wish in wishes[start : start + AT_ONCE] for value in wish]
        home = [keys.prefix(current().cell)]
        by_target: dict[str, list[tuple[str, str]]] = {}
        for text in script("dispatcher/cells/take_out.lua")(connect(), home, flat):
            task = json.loads(text)
            by_target.setdefault(task["to"], []).append((task["id"], text))
        for target, tasks in by_target.items():
            with in_cell(target):
                arguments = [text for _, text in tasks]
                _, outgoing = resident("dispatcher/cells/take_in.lua")(connect(), [keys.prefix(target)], arguments)
                publish_rest(outgoing)
            script("dispatcher/cells/let_go.lua")(connect(), home, [task_id for task_id, _ in tasks])
            moved[target] = moved.get(target, 0) + len(tasks)

