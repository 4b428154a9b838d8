"""Does this worker understand this task?

A task type's `contract` is the version of its payload: it is raised when older workers could not make sense of a new
task. Tasks carry the contract and the build that made them; workers announce what they understand; scripts release a
task only to a pool all of whose workers understand it, and what reaches the wrong worker all the same goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fleet import __version__, catalogue
from fleet.catalogue.declaration import Catalogue
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect

CONTRACT_HEADER = "fleet_contract"
BUILD_HEADER = "fleet_build"


def build() -> str:
    """Return what built this program: `FLEET_BUILD`, else the package's version."""
    return current().build or __version__


def carried(contract: int) -> dict[str, Any]:
    """Return the headers that say which contract a new task keeps and which build made it."""
    return {CONTRACT_HEADER: contract, BUILD_HEADER: build()}


def announced(declared: Catalogue, task_types: Iterable[str]) -> str:
    """Return what a worker of these task types tells: `type#contract` words for register.lua."""
    rows = [declared.task_types[name] for name in task_types if name in declared.task_types]
    return " ".join(f"{row.name}#{contract}" for row in rows for contract in row.contracts)


def understood(words: str) -> Mapping[str, list[int]]:
    """Return task type -> contracts, of an announcement."""
    found: dict[str, list[int]] = {}
    for word in words.split():
        name, _, contract = word.partition("#")
        found.setdefault(name, []).append(int(contract))
    return found


def strangers(task_type: str, contract: int) -> list[str]:
    """Return the capable pools that have ready workers of which not all understand the contract, right now."""
    prefix, names = keys.prefix(current().cell), [pool.name for pool in catalogue.current().capable_pools(task_type)]
    if not names:
        return []
    with available():
        pipe: Any = connect().pipeline(transaction=False)
        pipe.hmget(f"{prefix}slots", names)
        pipe.hmget(f"{prefix}contracts", [f"{name} {task_type}#{contract}" for name in names])
        pipe.hmget(f"{prefix}contracts", [f"{name} *" for name in names])
        slots, knowing, silent = pipe.execute()
    counted = zip(names, slots, knowing, silent, strict=True)
    return [name for name, all_, some, old in counted if int(all_ or 0) > int(some or 0) + (int(old or 0) if contract == 1 else 0)]


def refusal(request: Any, task_type: str) -> str:
    """Return why this worker must not run this message; an empty text when it may."""
    contract = getattr(request, CONTRACT_HEADER, None) or 1
    row = catalogue.current().task_types.get(task_type)
    if row is None or contract in row.contracts:
        return ""
    made_by = getattr(request, BUILD_HEADER, None) or "an older build"
    return (
        f"contract {contract} of {task_type}, made by {made_by}, is not understood by build {build()},"
        f" which knows {', '.join(map(str, row.contracts))}"
    )
