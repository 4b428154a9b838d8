"""What is one line of the ledger, and how do a million of them fit in memory?

`Entry` is one line; `Columns` are many, as arrays of integers with their names beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fleet.costs.money import usd

Kind = Literal["call", "replica"]
NAMES = ("tenant", "task_type", "agent_type", "model")


@dataclass(frozen=True, slots=True)
class Entry:
    """One paid call, or one attempt's share of a pool's time; `at` in milliseconds, money in micro-dollars."""

    call_id: str
    at: int
    kind: Kind
    task_id: str
    attempt: int
    tenant: str
    task_type: str
    agent_type: str
    model: str
    provider: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    reasoning_tokens: int
    micros: int
    estimated: bool
    origin: str
    ok: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"usd": str(usd(self.micros))}


def entry_of(row: Mapping[str, str]) -> Entry:
    """Read an entry as the settle script wrote it."""

    def count(name: str) -> int:
        return int(row.get(name) or 0)

    return Entry(
        call_id=row["call"],
        at=int(row["at"]),
        kind="replica" if row.get("kind") == "replica" else "call",
        task_id=row.get("task", ""),
        attempt=count("attempt"),
        tenant=row.get("tenant", ""),
        task_type=row.get("type", ""),
        agent_type=row.get("agent", ""),
        model=row.get("model", ""),
        provider=row.get("provider", ""),
        input_tokens=count("input"),
        output_tokens=count("output"),
        cached_input_tokens=count("cached"),
        reasoning_tokens=count("reasoning"),
        micros=count("micros"),
        estimated=row.get("estimated") == "1",
        origin=row.get("origin", ""),
        ok={"1": True, "0": False}.get(row.get("ok", "")),
    )


def task_key(task_id: str) -> int:
    """Return a number that stands for the task in arrays and indexes."""
    return int.from_bytes(blake2b(task_id.encode(), digest_size=8).digest(), "big", signed=True)


@dataclass(frozen=True, slots=True)
class Columns:
    """Ledger entries as arrays of one length; `names[x][codes[x][i]]` is the name of entry i."""

    at: NDArray[np.int64]
    micros: NDArray[np.int64]
    tokens: NDArray[np.int64]
    task: NDArray[np.int64]
    replica: NDArray[np.bool_]
    ok: NDArray[np.int8]
    codes: Mapping[str, NDArray[np.int32]]
    names: Mapping[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.at)


def columns(entries: Sequence[Entry]) -> Columns:
    """Return entries in memory as columns."""
    names = {name: tuple(dict.fromkeys(getattr(entry, name) for entry in entries)) for name in NAMES}
    places = {name: {value: code for code, value in enumerate(names[name])} for name in NAMES}
    return Columns(
        at=np.array([e.at for e in entries], dtype=np.int64),
        micros=np.array([e.micros for e in entries], dtype=np.int64),
        tokens=np.array([e.input_tokens + e.output_tokens for e in entries], dtype=np.int64),
        task=np.array([task_key(e.task_id) for e in entries], dtype=np.int64),
        replica=np.array([e.kind == "replica" for e in entries], dtype=np.bool_),
        ok=np.array([-1 if e.ok is None else int(e.ok) for e in entries], dtype=np.int8),
        codes={name: np.array([places[name][getattr(e, name)] for e in entries], dtype=np.int32) for name in NAMES},
        names=names,
    )
