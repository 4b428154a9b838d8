"""Which layout do a cell's keys have, may this build work with it, and how does an older one become ours?

`layout` in the store holds its version and the least build's version that can still read it. Every program that serves
asks on its start: an older layout is migrated, once, by whoever comes first; one that is too new for this build is
refused before anything is touched. A migration only adds, so that programs of the build before work on beside it; what
can not be done that way raises `readable_from`, and is announced in the changelog.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fleet.dispatcher import contracts
from fleet.dispatcher.layouts import profiles
from fleet.errors import ConfigurationError
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import Client, available, connect
from fleet.store.lease import singleton
from fleet.telemetry import logs

VERSION = 2
READABLE_FROM = 1
"""The oldest layout whose builds can work with ours."""
MIGRATIONS: Mapping[int, Callable[[Client, str], int]] = {2: profiles.add}
"""Version -> what turns the one before into it; returns how many records it touched."""
LEASE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Layout:
    """What the store says of itself."""

    version: int
    readable_from: int
    written_by: str

    def as_dict(self) -> dict[str, Any]:
        pending = list(range(self.version + 1, VERSION + 1)) if self.version else []
        return {
            "version": self.version, "readable_from": self.readable_from, "written_by": self.written_by, "this_build": contracts.build(),
            "this_build_writes": VERSION, "pending": pending, "fits": self.readable_from <= VERSION,
        }  # fmt: skip


def read() -> Layout:
    """Return the layout; version 0: the cell is empty, 1: it was written before layouts were numbered."""
    client, prefix = connect(), keys.prefix(current().cell)
    with available():
        row: Any = client.hgetall(f"{prefix}layout")
        if not row:
            return Layout(int(bool(client.exists(f"{prefix}knobs"))), 1, "")
    return Layout(int(row["version"]), int(row["readable_from"]), row["written_by"])


def ensure() -> int:
    """Bring the cell to this build's layout, or refuse it; returns how many records were migrated."""
    found = read()
    if found.readable_from > VERSION:
        raise ConfigurationError(
            f"cell {current().cell!r} has layout {found.version}, written by build {found.written_by or 'unknown'} and readable by builds that"
            f" know layout {found.readable_from}; this one, {contracts.build()}, knows {VERSION}: run the newer build, or restore a backup made before it"
        )
    if found.version >= VERSION:
        return 0
    client, cell = connect(), current().cell
    with singleton(client, f"{keys.prefix(cell)}lease:layout", LEASE_SECONDS) as lease:
        # Somebody else is at it: records it has not reached yet are read as they are, so nobody has to wait.
        return _climb(client, cell, found.version) if lease is not None else 0


def _climb(client: Client, cell: str, version: int) -> int:
    touched = 0
    for step in range(version + 1, VERSION + 1) if version else ():
        begun = time.monotonic()
        count = MIGRATIONS[step](client, cell)
        logs.get("dispatcher").info(
            "layout_migrated", version=step, records=count, seconds=round(time.monotonic() - begun, 1)
        )
        touched += count
        _write(client, cell, step)
    if not version:
        _write(client, cell, VERSION)
    return touched


def _write(client: Client, cell: str, version: int) -> None:
    with available():
        client.hset(
            f"{keys.prefix(cell)}layout",
            mapping={"version": version, "readable_from": READABLE_FROM, "written_by": contracts.build()},
        )
