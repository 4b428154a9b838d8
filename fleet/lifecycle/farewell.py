"""How does a worker end that cannot wait for its tasks?

Its grace period is over, or it is a ghost. What it runs is handed back first, so that it runs elsewhere at once and counts
as no loss; then the whole process group ends. An attempt that finishes in that very moment is fenced off.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import psutil
from celery.worker import state

from fleet import catalogue
from fleet.errors import FleetError
from fleet.lifecycle.consumption import hand_back
from fleet.lifecycle.hearing import foreign
from fleet.registry import roster
from fleet.telemetry import logs

LOG = "lifecycle"
STUCK_SECONDS = 8
"""How long a worker without tasks may take to stop: usually two, on a busy machine four."""
GRACE_OVER, GHOST = 0, 3
"""Exit codes: a worker told to stop has stopped; a ghost wants to be started again."""


def notice_seconds(pools: Iterable[str]) -> float | None:
    """Return after how long a stopping worker hands back what it runs: shortly before whoever stops it kills it."""
    declared = catalogue.current()
    graces = [row.grace_seconds for name in pools if (row := declared.pool(name))]
    return min(graces) - min(2.0, min(graces) / 4) if graces else None


def end_if_stuck(records: Iterable[str], worker: str) -> None:
    """End a worker that was told to stop, runs nothing, and is still here after a while; a healthy one is gone by then."""
    idle = 0
    while idle < STUCK_SECONDS:
        time.sleep(1.0)
        idle = 0 if state.active_requests else idle + 1
    give_up(records, f"worker {worker} was told to stop, runs nothing, and hangs: does the broker answer?", GRACE_OVER)


def give_up(records: Iterable[str], why: str, code: int) -> None:
    """Hand everything back and end this process and its children; stays when tasks run here that are not the fleet's."""
    if foreign():
        return
    records = list(records)
    tell_each(records, roster.drain)
    count = hand_back(why, running=True)
    tell_each(records, roster.leave)
    logs.get(LOG).warning("worker_gave_up", why=why, tasks=count, next="none: they run elsewhere")
    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    os._exit(code)


def tell_each(records: Iterable[str], word: Callable[[str], Any]) -> None:
    """Tell the roster about every record; a store that is away learns it from the lease."""
    for record in records:
        try:
            word(record)
        except FleetError as error:
            logs.get(LOG).warning("farewell_failed", error=str(error), next="the lease ends by itself")
