"""What is due now?

Anybody may tick; a gate in the script lets one tick a quarter of a second through, so any number of heartbeats may ask.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.dispatcher.publish import publish_rest
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import connect
from fleet.store.scripts import resident
from fleet.telemetry import logs


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did."""

    ran: bool
    due: int = 0
    expired: int = 0
    workers_lost: int = 0
    recovered: int = 0
    sent_again: int = 0
    released: int = 0


def tick(gap_seconds: float = 0.0) -> Ticked:
    """Do what is due, unless somebody did within the gap."""
    *numbers, ended, outgoing = resident("dispatcher/tick.lua")(connect(), [keys.prefix(current().cell)], [gap_seconds])
    publish_rest(outgoing)
    if ended:
        # Only now: most processes that tick never need Celery for it.
        from fleet.dispatcher import callbacks

        callbacks.tell(ended)
    ticked = Ticked(bool(numbers[0]), *map(int, numbers[1:]))
    if ticked.workers_lost or ticked.sent_again:
        logs.get("dispatcher").warning(
            "recovered", workers_lost=ticked.workers_lost, tasks=ticked.recovered, sent_again=ticked.sent_again,
            next="none: the tasks run elsewhere; `fleet health` lists repairs",
        )  # fmt: skip
    return ticked
