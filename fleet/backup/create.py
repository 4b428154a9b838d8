"""How is a backup made of a cell that goes on working?

One script reads everything but the tasks' records at one instant; the records follow in portions, each record whole. A
task that moves on in these seconds is saved as what it became. The durable ledger is copied last: an entry is in the
stream, in the copy, or in both, which its call id undoes; never in neither.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import SecretStr

from fleet.backup import files, scope
from fleet.backup.sealed import SUFFIX, Writer
from fleet.clock import utc
from fleet.settings import Settings
from fleet.store import keys
from fleet.store.client import Client
from fleet.store.scripts import script

RECORDS_AT_ONCE = 500
FRAME_BYTES = 4_000_000
T = TypeVar("T")
Told = Callable[[str, float, float], None]
"""Hears how far a step is: what it is, how much of it is done, how much it is in all."""


def nobody(what: str, number: float, total: float) -> None:
    """Hear nothing."""



@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was written."""

    file: Path
    cell: str
    created_at: float
    counts: dict[str, int]
    bytes: int
    sha256: str
    seconds: float


def create(folder: Path, client: Client, settings: Settings, passphrase: SecretStr, told: Told = nobody) -> Made:
    """Write one encrypted file and its manifest into the folder; `client` speaks bytes."""
    began, prefix = time.monotonic(), keys.prefix(settings.cell)
    at, kept, tasks = script("backup/snapshot.lua")(client, [prefix], scope.heads())
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{settings.cell}-{utc(float(at)):%Y%m%dT%H%M%S-%f}Z{SUFFIX}"
    unfinished, counts = folder / f".{name}", Counter[str]()
    try:
        with unfinished.open("xb") as out:
            os.fchmod(out.fileno(), 0o600)
            writer = Writer(out, passphrase, settings.cell, float(at))
            _add_keys(writer, "cell", kept, counts)
            for ids in batched(tasks, RECORDS_AT_ONCE):
                found = script("backup/records.lua")(client, [prefix], ids)
                _add_keys(writer, "tasks", found, counts, prefix.encode())
                told("saving tasks", counts["tasks"], len(tasks))
            for title, place in files.places(settings).items():
                if (content := files.read(title, place)) is not None:
                    writer.add("file", name=title, content=base64.b64encode(content).decode())
                    counts[f"file {title}"] += 1
            writer.close({"cell": settings.cell, "created_at": float(at), "counts": dict(counts)})
            out.flush()
            os.fsync(out.fileno())
        os.replace(unfinished, folder / name)
    finally:
        unfinished.unlink(missing_ok=True)
    return _told(folder / name, settings.cell, float(at), dict(counts), time.monotonic() - began)


def batched(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Yield the items in portions of this size; the last may be smaller."""
    rest = iter(items)
    while portion := tuple(islice(rest, size)):
        yield portion


def _add_keys(writer: Writer, kind: str, flat: list[bytes], counts: Counter[str], prefix: bytes = b"") -> None:
    rows: list[list[Any]] = []
    size = 0
    for key, dump, expires in batched(flat, 3):
        rows.append([key.removeprefix(prefix).decode(), base64.b64encode(dump).decode(), int(expires)])
        what = "keys" if kind == "cell" else "tasks" if key.startswith(prefix) else "results"
        counts[what] += 1
        size += len(dump)
        if size > FRAME_BYTES:
            writer.add(kind, rows=rows)
            rows, size = [], 0
    if rows:
        writer.add(kind, rows=rows)


def _told(file: Path, cell: str, at: float, counts: dict[str, int], seconds: float) -> Made:
    with file.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    done = Made(file, cell, at, counts, file.stat().st_size, digest, round(seconds, 3))
    document = {
        "file": file.name,
        "cell": cell,
        "created_at": at,
        "counts": counts,
        "bytes": done.bytes,
        "sha256": digest,
    }
    file.with_suffix(".json").write_bytes(
        orjson.dumps(document | {"seconds": done.seconds}, option=orjson.OPT_INDENT_2)
    )
    return done
