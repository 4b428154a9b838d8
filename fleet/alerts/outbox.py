"""What is still to be told, and who is telling it?

Lanes of notifications in Redis, each in order and with one deliverer at a time. A deliverer that dies loses its lease
and the entry is told again by another, with the same id; nothing leaves the outbox unsettled.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any, Final, cast

from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.scripts import script

LEASE_SECONDS: Final = 60.0
MOST_DEAD: Final = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """The head of a lane, ours for a while."""

    lane: str
    entry: str
    attempts: int
    """Earlier attempts."""
    token: str


def claim(client: Client, cell: str, lease_seconds: float = LEASE_SECONDS) -> Claim | None:
    """Return the next entry that is due, or None."""
    token = secrets.token_hex(8)
    answer = script("alerts/claim.lua")(client, [keys.prefix(cell)], [token, int(lease_seconds * 1000)])
    return Claim(answer[0], answer[1], int(answer[2]), token) if answer else None


def done(client: Client, cell: str, claim: Claim, channel: str) -> bool:
    """It was told: let the lane go on. False when the lease was lost."""
    return _settle(client, cell, claim, "done", channel)


def later(client: Client, cell: str, claim: Claim, channel: str, wait_seconds: float, error: str) -> bool:
    """It was not told: try again after the wait."""
    return _settle(client, cell, claim, "later", channel, wait_seconds, error)


def dead(client: Client, cell: str, claim: Claim, channel: str, error: str) -> bool:
    """It cannot be told: keep it where people see it, and let the lane go on."""
    return _settle(client, cell, claim, "dead", channel, 0.0, error)


def _settle(
    client: Client, cell: str, claim: Claim, verb: str, channel: str, wait_seconds: float = 0.0, error: str = ""
) -> bool:
    arguments = [claim.lane, claim.token, verb, int(wait_seconds * 1000), error, channel, MOST_DEAD]
    return bool(script("alerts/settle.lua")(client, [keys.prefix(cell)], arguments))


def waiting(client: Client, cell: str) -> list[dict[str, Any]]:
    """Return the lanes that hold something: length, due time, attempts and last error of the head."""
    prefix = keys.prefix(cell)
    with available():
        lanes = cast("list[tuple[str, float]]", client.zrange(prefix + "outbox", 0, -1, withscores=True))
        leases = cast("dict[str, str]", client.hgetall(prefix + "outbox_leases"))
        pipeline = client.pipeline(transaction=False)
        for lane, _ in lanes:
            pipeline.llen(f"{prefix}outbox:{lane}")
        lengths = cast("list[int]", pipeline.execute())
    rows = []
    for (lane, due), length in zip(lanes, lengths, strict=True):
        lease = json.loads(leases.get(lane, "{}"))
        row = {"lane": lane, "waiting": length, "due": due / 1000}
        rows.append({**row, "attempts": lease.get("attempts", 0), "error": lease.get("error", "")})
    return rows


def given_up(client: Client, cell: str, count: int = 100) -> list[dict[str, Any]]:
    """Return the notifications that were given up, newest first."""
    with available():
        rows = cast("list[str]", client.lrange(keys.prefix(cell) + "outbox_dead", 0, count - 1))
    return [json.loads(row) for row in rows]
