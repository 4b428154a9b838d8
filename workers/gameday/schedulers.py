"""What if the scheduler that is at work dies or freezes, while another stands beside it?"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from fleet.app import MAINTENANCE_QUEUE
from fleet.errors import StoreUnavailable
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect
from workers.gameday.stage import Stage, pid, signal_tree

JOB, PERIOD_SECONDS, FAILOVER_SECONDS = "tick", 5.0, 15.0
WITHOUT_SECONDS = 14.0
LOOK_SECONDS = 0.05


class Watch(threading.Thread):
    """Sees every time a job is sent and every time it runs, from the store."""

    def __init__(self) -> None:
        super().__init__(name="watch", daemon=True)
        self.sent: list[str] = []
        self.ran: list[str] = []
        self._ended = threading.Event()

    def run(self) -> None:
        client: Any = connect()
        prefix = keys.prefix(current().cell)
        while not self._ended.wait(LOOK_SECONDS):
            try:
                with available():
                    sent, ran = client.hget(f"{prefix}schedule", JOB), client.hget(f"{prefix}jobs", f"{JOB}:succeeded")
            except StoreUnavailable:
                continue
            for seen, value in ((self.sent, sent), (self.ran, ran)):
                if value and (not seen or seen[-1] != value):
                    seen.append(value)

    def end(self) -> None:
        self._ended.set()
        self.join(timeout=5)


def _last_sent() -> float:
    """Return when the job was sent last, in seconds by the broker's clock."""
    client: Any = connect()
    return float(client.hget(f"{keys.prefix(current().cell)}schedule", JOB) or 0.0)


def kill_beat(stage: Stage) -> Iterator[None]:
    """SIGKILL the scheduler that sent last."""
    yield from _without(stage, signal.SIGKILL)


def freeze_beat(stage: Stage) -> Iterator[None]:
    """SIGSTOP the scheduler that sent last, and let it go on when the other has done its work."""
    yield from _without(stage, signal.SIGSTOP)


def _without(stage: Stage, number: signal.Signals) -> Iterator[None]:
    # What was sent before runs before the watch begins, or more would run than it sees sent; and what was sent by a clock
    # that another experiment set back is followed by a send of today, or the two would seem an hour apart.
    stage.until(lambda: connect().llen(MAINTENANCE_QUEUE) == 0, "the jobs of before did not run")
    stage.until(lambda: _last_sent() <= connect().time()[0], "the schedule stayed ahead of the clock")
    watch = Watch()
    watch.start()
    stage.until(lambda: len(watch.sent) > 1, "no beat sends anything")
    yield
    victim = max(stage.ground.beats, key=lambda beat: beat.log.stat().st_mtime)
    stage.strike(pid(victim))
    signal_tree(victim, number)
    # The supervisor rests: who is left has to do without it.
    time.sleep(WITHOUT_SECONDS)
    if number == signal.SIGSTOP:
        signal_tree(victim, signal.SIGCONT)
        time.sleep(PERIOD_SECONDS + 1)
    yield
    watch.end()
    gaps = [later - earlier for earlier, later in pairwise(map(float, watch.sent))]
    # The first of either may have been sent before the watch began.
    stage.seen.append(
        f"job {JOB} (due every {PERIOD_SECONDS:g} s) was sent {len(gaps)} times, {min(gaps):.1f} to {max(gaps):.1f} s apart, "
        f"and ran {len(watch.ran) - 1} times"
    )
    if max(gaps) > FAILOVER_SECONDS:
        stage.wrong.append(f"a job was late by {max(gaps) - PERIOD_SECONDS:.1f} s")
    if min(gaps) < PERIOD_SECONDS - 0.1:
        stage.wrong.append("a job was sent twice in one period")
    if len(watch.ran) - 1 > len(gaps) + 1:
        stage.wrong.append("a job ran more often than it was sent")
