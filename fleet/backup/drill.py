"""Would a restore work, and how long would it take?

The backup is restored into a broker nobody uses, beside a ledger of its own; what is there then is counted again and
compared with what the file holds.
"""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from pydantic import SecretStr

from fleet.backup import files, scope
from fleet.backup.create import Told, nobody
from fleet.backup.restore import restore, settle
from fleet.backup.sealed import frames
from fleet.clock import SYSTEM, Clock
from fleet.costs.durable import DurableLedger
from fleet.store import keys
from fleet.store.client import Client, available, connect

MOST_NOTED = 400


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison."""

    what: str
    expected: int
    found: int

    @property
    def ok(self) -> bool:
        return self.expected == self.found


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a drill came to; `seconds` is the recovery time, `age_seconds` how much would have been lost."""

    backup: str
    at: float
    made_at: float
    age_seconds: float
    seconds: float
    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        return all(row.ok for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.ok}


def rehearse(
    file: Path, passphrase: SecretStr, raw: Client, text: Client, cell: str, folder: Path, clock: Clock = SYSTEM, told: Told = nobody
) -> Verdict:
    """Restore into the empty broker both clients speak to (bytes, text), and compare."""
    scratch = Path(tempfile.mkdtemp(dir=folder))
    places = {name: scratch / name for name in ("secrets", "catalogue", files.LEDGER)}
    done = restore(file, passphrase, raw, cell, places, told)
    hot = _hot_total(text, cell, places[files.LEDGER])
    done = settle(text, cell, f"sqlite:///{places[files.LEDGER]}", done)
    found = _states(text, cell)
    counts = done.manifest["counts"]
    unfinished = sum(done.tasks[state] for state in ("held", "delayed", "parked"))
    saved = sum(counts.get(what, 0) for what in ("keys", "tasks", "results"))
    rows = (
        Row("keys, records and results", saved - done.expired, done.keys),
        Row("files", sum(what.startswith("file ") for what in counts), len(done.files)),
        Row("unfinished tasks held, delayed or parked", unfinished, found["held"]),
        Row("held tasks in their lanes", done.tasks["held"], found["in lanes"]),
        Row("dead letters", done.tasks["dead"], found["dead"]),
        Row("digests of keys", *_digests(file, passphrase, raw, cell)),
        Row("ledger in micro-dollars", hot, done.ledger_micros),
    )
    now = clock.now()
    return Verdict(file.name, now, done.manifest["created_at"], now - done.manifest["created_at"], done.seconds, rows)


class Broker(Protocol):
    """An empty broker that was started for this."""

    @property
    def url(self) -> str: ...

    @property
    def process(self) -> subprocess.Popen[bytes]: ...


def rehearse_apart(
    file: Path, passphrase: SecretStr, cell: str, start: Callable[[Path], Broker], told: Told = nobody
) -> Verdict:
    """Rehearse in a broker started for it, which is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        broker = start(Path(folder))
        try:
            clients = connect(broker.url, decode=False), connect(broker.url)
            return rehearse(file, passphrase, *clients, cell, Path(folder), told=told)
        finally:
            broker.process.kill()
            broker.process.wait(timeout=10)


def note(client: Client, cell: str, verdict: Verdict) -> None:
    """Record the drill, where the monthly report finds it."""
    with available():
        client.lpush(f"{keys.prefix(cell)}drills", json.dumps(verdict.as_dict()))
        client.ltrim(f"{keys.prefix(cell)}drills", 0, MOST_NOTED - 1)


def _hot_total(client: Client, cell: str, ledger: Path) -> int:
    """Return what stream and ledger copy add up to, each call once, before anything joined them."""
    from fleet.costs.ledger import hot_entries

    durable = DurableLedger(f"sqlite:///{ledger}")
    try:
        calls = {entry.call_id: (entry.micros, entry.estimated) for entry in durable.entries()}
        total = durable.total_micros() - sum(micros for micros, _ in calls.values())
    finally:
        durable.close()
    for entry in hot_entries(client, cell):
        if entry.call_id not in calls or (calls[entry.call_id][1] and not entry.estimated):
            calls[entry.call_id] = (entry.micros, entry.estimated)
    return total + sum(micros for micros, _ in calls.values())


def _states(client: Client, cell: str) -> Counter[str]:
    prefix, found = keys.prefix(cell), Counter[str]()
    with available():
        for key in client.scan_iter(match=f"{prefix}{scope.TASK}*", count=1000):
            found[str(client.hget(key, "state"))] += 1
        for lane in cast("set[str]", client.smembers(f"{prefix}lanes")):
            found["in lanes"] += client.zcard(f"{prefix}held:{lane}")
    return found


def _digests(file: Path, passphrase: SecretStr, client: Client, cell: str) -> tuple[int, int]:
    """Return how many strings and streams the file holds of those no restore touches, and how many are the same here."""
    prefix, expected, same = keys.prefix(cell), 0, 0
    for frame in frames(file, passphrase):
        if frame["kind"] != "cell":
            continue
        for suffix, dump, _ in frame["rows"]:
            if suffix in ("audit", "incident_history", "target_history", "malformed", "incidents", "silences", "pins"):
                expected += 1
                with available():
                    same += cast(bytes, client.dump(prefix + suffix)) == base64.b64decode(dump)
    return expected, same
