"""What happens to messages that are no tasks?

Whatever cannot be read as a task of this fleet is taken off its queue, counted, and kept with the reason for whoever
wonders: the newest thousand, long ones cut.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from fleet.clock import SYSTEM
from fleet.errors import FleetError
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect
from fleet.store.scripts import script
from fleet.telemetry import logs

KEPT, SHOWN_BYTES = 1000, 2000


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message nobody could run."""

    at: float
    queue: str
    reason: str
    size_bytes: int
    text: str
    """Its beginning, unprintable bytes escaped."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def keep(queue: str, raw: bytes | str, reason: str) -> None:
    """Count and keep a message; never raises, because the worker has to go on."""
    data = raw if isinstance(raw, bytes) else raw.encode(errors="backslashreplace")
    shown = data[:SHOWN_BYTES].decode(errors="backslashreplace")
    row = Malformed(SYSTEM.now(), queue, reason[:500], len(data), shown)
    logs.get("dispatcher").warning(
        "message_malformed", queue=queue, reason=row.reason, bytes=row.size_bytes, next="see `fleet tasks malformed`"
    )
    prefix = keys.prefix(current().cell)
    try:
        with available():
            client = connect()
            pipe = client.pipeline()
            pipe.lpush(f"{prefix}malformed", json.dumps(row.as_dict()))
            pipe.ltrim(f"{prefix}malformed", 0, KEPT - 1)
            pipe.execute()
        script("telemetry/record.lua")(client, [prefix], [json.dumps([["count", 1, "", "fleet_malformed_messages_total", queue]])])
    except FleetError as error:
        logs.get("dispatcher").error("malformed_not_kept", queue=queue, error=str(error), next="none: the message is dropped")


def read(limit: int = 100) -> list[Malformed]:
    """Return the newest ones first."""
    with available():
        rows = connect().lrange(f"{keys.prefix(current().cell)}malformed", 0, limit - 1)
    return [Malformed(**json.loads(row)) for row in rows]
