"""Who is on the roster, and how is it changed?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fleet.settings import current, named_cell
from fleet.store import keys
from fleet.store.client import available, connect
from fleet.store.scripts import script


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker as it last told; silent_seconds by the server's clock."""

    worker_id: str
    pool: str
    agent_type: str
    status: str
    slots: int
    running: int
    load: float
    memory_bytes: int
    version: str
    """The build it runs."""
    contracts: str
    """Words `type#contract` for what it understands."""
    hostname: str
    pid: int
    registered_at: float
    claimed_at: float
    silent_seconds: float
    deaf_seconds: float = 0.0
    """How long it has had slots to fill and heard nothing from the broker."""
    cell: str = ""
    """Where it is, in a fleet of several cells."""
    hoards: int = 0
    """Messages it may hold beyond what it runs; -1: any number."""
    host_cpu: float | None = None
    host_memory: float | None = None
    """How much of its machine is in use, 0 to 1; None from builds that do not say."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def register(worker_id: str, pool: str, slots: int, record: Mapping[str, Any]) -> None:
    """Put a ready worker on the roster; from now on its slots count."""
    script("registry/register.lua")(connect(), [_prefix()], [worker_id, pool, slots, json.dumps(dict(record))])


@dataclass(frozen=True, slots=True)
class Beat:
    """What the store says to a heartbeat: the worker's status, 'unknown' when it has to register again, and its tasks."""

    status: str
    running: int


def heartbeat(
    worker_id: str, memory_bytes: int, deaf_seconds: float = 0.0, host: tuple[float, float] | None = None
) -> Beat:
    """Tell that the worker lives; `host` is how much of its machine's CPU and memory is in use, 0 to 1."""
    arguments = [worker_id, memory_bytes, f"{deaf_seconds:.1f}", *(f"{share:.3f}" for share in host or ())]
    status, running = script("registry/heartbeat.lua")(connect(), [_prefix()], arguments)
    return Beat(str(status), int(running))


def drain(worker_id: str) -> str:
    """Let the worker finish what it runs and take nothing new."""
    return str(script("registry/drain.lua")(connect(), [_prefix()], [worker_id, "1"]))


def undrain(worker_id: str) -> str:
    """Let the worker take tasks again."""
    return str(script("registry/drain.lua")(connect(), [_prefix()], [worker_id, "0"]))


def leave(worker_id: str) -> None:
    """Take a worker that stops off the roster; its slots are gone at once."""
    script("registry/drain.lua")(connect(), [_prefix()], [worker_id, "leave"])


def workers() -> list[WorkerRecord]:
    """Return every worker on the roster, by id."""
    client: Any = connect()
    prefix = _prefix()
    with available():
        seconds, micros = client.time()
        beats = dict(client.zrange(f"{prefix}workers", 0, -1, withscores=True))
        names = sorted(beats)
        pipe = client.pipeline(transaction=False)
        for name in names:
            pipe.hgetall(f"{prefix}worker:{name}")
            pipe.scard(f"{prefix}running:{name}")
        answers = pipe.execute()
    now = seconds + micros / 1e6
    return [
        WorkerRecord(
            name, row.get("pool", ""), row.get("agent_type", ""), row.get("status", "failed"), int(row.get("slots", 0)), running,
            float(row.get("load", 0)), int(row.get("memory", 0)), row.get("version", ""), row.get("contracts", ""),
            row.get("hostname", ""), int(row.get("pid", 0)),
            float(row.get("registered", 0)), float(row.get("claimed", 0)), max(0.0, now - beats[name]), float(row.get("deaf", 0)),
            named_cell(), int(row.get("hoards", 0)), _share(row.get("host_cpu")), _share(row.get("host_memory")),
        )
        for name, row, running in zip(names, answers[::2], answers[1::2], strict=True)
    ]  # fmt: skip


def _share(text: str | None) -> float | None:
    return float(text) if text else None


def _prefix() -> str:
    return keys.prefix(current().cell)
