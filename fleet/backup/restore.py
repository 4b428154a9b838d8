"""How does a cell come back from a backup?

Into an empty cell only. Keys return with the moment they expire at; tasks are held again, one attempt further; windows of
budgets get what a surviving durable ledger knows on top of the backup. The file is read to its end before anything is
written, so that a damaged one changes nothing.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr

from fleet.backup import files, scope
from fleet.backup.create import RECORDS_AT_ONCE, Told, batched, nobody
from fleet.backup.sealed import Frame, UnreadableBackup, frames
from fleet.costs.durable import DurableLedger
from fleet.costs.ledger import roll_up
from fleet.costs.restore import spent_by_window
from fleet.errors import Conflict
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.scripts import script

RESULT = "celery-task-meta-"
STATES = ("held", "delayed", "parked", "dead", "ended")


@dataclass(slots=True)
class Restored:
    """What a restore brought back. Expired keys are those whose time ended since the backup."""

    manifest: Frame
    keys: int = 0
    expired: int = 0
    tasks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    files: list[str] = field(default_factory=list)
    kept_files: list[str] = field(default_factory=list)
    ledger_usd: str = "0"
    ledger_micros: int = 0
    raised_windows: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def verify(file: Path, passphrase: SecretStr, told: Told = nobody) -> Frame:
    """Read the whole file and return its manifest; raises `UnreadableBackup` where it does not hold together."""
    counted = {"keys": 0, "tasks": 0, "results": 0}
    last: Frame = {}
    for last in frames(file, passphrase, partial(told, "reading the backup")):
        if last["kind"] == "cell":
            counted["keys"] += len(last["rows"])
        elif last["kind"] == "tasks":
            records = sum(key.startswith(scope.TASK) for key, _, _ in last["rows"])
            counted["tasks"] += records
            counted["results"] += len(last["rows"]) - records
    if any(last["counts"].get(name, 0) != number for name, number in counted.items()):
        raise UnreadableBackup(f"{file} holds {counted}, its manifest says {last['counts']}")
    return last


def in_use(client: Client, cell: str) -> str:
    """Return a key that says the cell is in use, or an empty string."""
    prefix = keys.prefix(cell)
    with available():
        for suffix in scope.PRECIOUS:
            if client.exists(prefix + suffix):
                return prefix + suffix
        for key in client.scan_iter(match=f"{prefix}{scope.TASK}*", count=1000):
            return key.decode() if isinstance(key, bytes) else str(key)
    return ""


def restore(
    file: Path, passphrase: SecretStr, client: Client, cell: str, places: Mapping[str, Path], told: Told = nobody
) -> Restored:
    """Bring everything back; `client` speaks bytes, `places` says where files belong that are missing here."""
    began = time.monotonic()
    done = Restored(verify(file, passphrase, told))
    if key := in_use(client, cell):
        raise Conflict(f"cell {cell!r} is in use (it has {key}): restore into an empty one, or empty this one first")
    prefix, ids = keys.prefix(cell), list[str]()
    for frame in frames(file, passphrase, partial(told, "restoring")):
        match frame["kind"]:
            case "cell":
                _put(client, [(prefix + key, *rest) for key, *rest in frame["rows"]], done)
            case "tasks":
                rows = [(key if key.startswith(RESULT) else prefix + key, *rest) for key, *rest in frame["rows"]]
                _put(client, rows, done)
                ids += [key.removeprefix(scope.TASK) for key, _, _ in frame["rows"] if key.startswith(scope.TASK)]
            case "file" if frame["name"] in places:
                fresh = files.put(places[frame["name"]], base64.b64decode(frame["content"]))
                (done.files if fresh else done.kept_files).append(frame["name"])
    for portion in batched(ids, RECORDS_AT_ONCE):
        for state, number in zip(STATES, script("backup/resume.lua")(client, [prefix], portion), strict=True):
            done.tasks[state] += number
        told("holding tasks again", sum(done.tasks.values()), len(ids))
    done.seconds = round(time.monotonic() - began, 3)
    return done


def settle(client: Client, cell: str, ledger_url: str, done: Restored) -> Restored:
    """Join the restored stream and the durable ledger; a window never knows less than the ledger. `client` speaks text."""
    began, prefix = time.monotonic(), keys.prefix(cell)
    durable = DurableLedger(ledger_url)
    try:
        with available():
            client.hsetnx(f"{prefix}controls", "restored", "1")
        roll_up(client, cell, durable)
        for window, micros in spent_by_window(client, cell, durable):
            with available():
                known = int(cast("str | None", client.hget(f"{prefix}budget:{window}", "spent")) or 0)
            if micros > known:
                done.raised_windows[window] = micros - known
        with available():
            client.hdel(f"{prefix}controls", "restored")
        arguments: list[Any] = [part for pair in done.raised_windows.items() for part in pair]
        script("costs/restore.lua")(client, [prefix], arguments)
        done.ledger_micros = durable.total_micros()
        done.ledger_usd = f"{done.ledger_micros / 1e6:.6f}"
    finally:
        durable.close()
    done.seconds = round(done.seconds + time.monotonic() - began, 3)
    return done


def _put(client: Client, rows: list[Any], done: Restored) -> None:
    """Write the keys. What expired since the backup is not made by RESTORE: the server's clock says which those are."""
    for portion in batched(rows, 1000):
        with available():
            pipe = client.pipeline(transaction=False)
            for key, dump, expires in portion:
                pipe.restore(key, expires, base64.b64decode(dump), replace=True, absttl=expires > 0)
            pipe.time()
            seconds, micros = pipe.execute()[-1]
        now = seconds * 1000 + micros // 1000
        gone = sum(0 < expires <= now for _, _, expires in portion)
        done.keys += len(portion) - gone
        done.expired += gone
