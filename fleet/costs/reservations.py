"""Who holds how much of which budget?

Thin typed calls of the scripts. The dispatcher includes the same Lua in its own scripts; these are for everything that
is not a submit or a finish.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from fleet.costs.verdict import Verdict, parse
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.scripts import script


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task that asks for its money; `estimate` counts until its type's costs are learned, 0 = free model."""

    task: str
    tenant: str
    type: str
    estimate: int
    tokens: int = 0
    model: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """One task's reservation as it stands."""

    task: str
    tenant: str
    task_type: str
    reserved: int
    committed: int
    spent: int
    calls_in_flight: int


def reserve(client: Client, cell: str, wanted: Sequence[Wanted]) -> list[Verdict]:
    """Reserve for many tasks in one round trip; each is atomic over its whole hierarchy, and idempotent."""
    replies = script("costs/reserve.lua")(client, [keys.prefix(cell)], [json.dumps(asdict(w)) for w in wanted])
    return [parse(reply) for reply in replies]


def release(client: Client, cell: str, tasks: Iterable[str], *, keep: bool = False) -> int:
    """Give back what the tasks hold; returns micro-dollars. `keep`: parked, they still count against their own cap."""
    requests = [json.dumps({"task": task, "keep": keep}) for task in tasks]
    return sum(int(freed) for freed in script("costs/release.lua")(client, [keys.prefix(cell)], requests))


def sweep(client: Client, cell: str, *, older_than_seconds: float = 60, most: int = 1000) -> list[str]:
    """Give back reservations whose task is gone or has ended; returns those tasks."""
    arguments = [int(older_than_seconds * 1000), most]
    return list(script("costs/sweep.lua")(client, [keys.prefix(cell)], arguments))


def held(client: Client, cell: str, task: str) -> Held | None:
    """Return a task's reservation, or None when it holds none."""
    with available():
        row = cast(Mapping[str, Any], client.hgetall(f"{keys.prefix(cell)}reservation:{task}"))
    if "reserved" not in row:
        return None
    return Held(
        task=task,
        tenant=row["tenant"],
        task_type=row["type"],
        reserved=int(row["reserved"]),
        committed=int(row["committed"]),
        spent=int(row["spent"]),
        calls_in_flight=sum(1 for field in row if field.startswith("call:")),
    )


def holders(client: Client, cell: str) -> list[str]:
    """Return the tasks that hold reservations, oldest first."""
    with available():
        return cast("list[str]", client.zrange(f"{keys.prefix(cell)}reservations", 0, -1))
