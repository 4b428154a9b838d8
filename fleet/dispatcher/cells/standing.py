"""How does each cell stand? A cell that does not answer is a row, not an error: the others are seen all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fleet.errors import StoreUnavailable
from fleet.settings import cell_names, in_cell, load
from fleet.store import keys
from fleet.store.client import available, connect


@dataclass(frozen=True, slots=True)
class CellStanding:
    """Counts of one cell; `waiting`: delayed, or parked by a budget."""

    name: str
    weight: float
    state: Literal["open", "drained", "silent"]
    workers: int = 0
    slots: int = 0
    inflight: int = 0
    held: int = 0
    waiting: int = 0
    moving: int = 0
    dead: int = 0
    drained_since: float | None = None
    why: str = ""


def every() -> list[CellStanding]:
    """Return every cell, this process's own first."""
    return [of(name) for name in cell_names()]


def of(name: str) -> CellStanding:
    """Ask one cell, in one round trip."""
    row = load().settings.cells.get(name)
    weight = row.weight if row else 1.0
    with in_cell(name):
        prefix = keys.prefix(name)
        try:
            with available():
                pipe: Any = connect().pipeline(transaction=False)
                for key in ("slots", "inflight", "drained"):
                    pipe.hgetall(prefix + key)
                for key in ("workers", "delayed", "parked", "moving", "dead"):
                    pipe.zcard(prefix + key)
                slots, inflight, drained, workers, delayed, parked, moving, dead = pipe.execute()
        except StoreUnavailable as error:
            return CellStanding(name, weight, "silent", why=str(error))
    held = int(inflight.pop("#held", 0))
    return CellStanding(
        name, weight, "drained" if drained else "open", workers, sum(map(int, slots.values())), sum(map(int, inflight.values())), held,
        delayed + parked, moving, dead, float(drained["since"]) if drained else None, drained.get("why", ""),
    )  # fmt: skip
