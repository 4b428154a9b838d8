"""What is due now?

Anybody may tick; a gate in the script lets one tick a quarter of a second through, so any number of heartbeats may ask.
A tick with much to do does it in portions of a few milliseconds: others are served in between.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from fleet.dispatcher.publish import publish_rest
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import connect
from fleet.store.scripts import resident
from fleet.telemetry import logs

PORTIONS_AT_MOST = 40
"""What is left after so many, the next tick does."""


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
    ticked, more = _portion(gap_seconds)
    for _ in range(PORTIONS_AT_MOST - 1):
        if not more:
            break
        part, more = _portion(0.0)
        ticked = Ticked(True, *(sum(pair) for pair in list(zip(astuple(ticked), astuple(part), strict=True))[1:]))
    if ticked.workers_lost or ticked.sent_again:
        logs.get("dispatcher").warning(
            "recovered", workers_lost=ticked.workers_lost, tasks=ticked.recovered, sent_again=ticked.sent_again,
            next="none: the tasks run elsewhere; `fleet health` lists repairs",
        )  # fmt: skip
    return ticked


def _portion(gap_seconds: float) -> tuple[Ticked, bool]:
    """Return what one run of the script did, and whether it left something."""
    ran, more, *numbers, ended, outgoing = resident("dispatcher/tick.lua")(connect(), [keys.prefix(current().cell)], [gap_seconds])
    publish_rest(outgoing)
    if ended:
        # Only now: most processes that tick never need Celery for it.
        from fleet.dispatcher import callbacks

        callbacks.tell(ended)
    return Ticked(bool(ran), *map(int, numbers)), bool(more)
