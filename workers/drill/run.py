"""How does a drill go?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fleet.secrets import audit, configured
from fleet.secrets.resolve import Resolver
from workers.drill.load import Load
from workers.drill.search import Found, search
from workers.drill.stage import CACHE_SECONDS, refusals, stage
from workers.drill.turning import ROTATED, Turning


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the tasks, the credentials and the search for their values."""

    seconds: float
    done: int
    failed: int
    refused: int
    careless: Mapping[str, int]
    again: int
    slowest_seconds: float
    rotations: Mapping[str, int]
    connections_cut: int
    keys_refused: int
    """Calls the provider refused: somebody used a key that had ended."""
    restarted: tuple[str, ...]
    beyond_their_list: tuple[str, ...]
    """What the broker refused a program, as user, command and key: a list is too short, or a program goes too far."""
    secrets_searched: int
    search: Found
    is_chain_intact: bool
    reasons: tuple[str, ...]

    @property
    def ok(self) -> bool:
        wrong = self.failed or self.refused or self.restarted or self.beyond_their_list
        return not (wrong or self.search.found or self.search.is_blind) and self.is_chain_intact and self.done > 0 and all(self.rotations.values())


def run(seconds: float, every: float, tell: Callable[[str], None]) -> Report:
    """Rotate every credential each `every` seconds under load for `seconds` (at least once); about a minute more in all."""
    with stage(tell) as fleet:
        turning = Turning(fleet.provider)
        load = Load(fleet.urls["gateway"], Resolver(configured.backend(), _unrecorded, cache_seconds=CACHE_SECONDS))
        began, over = time.monotonic(), threading.Event()
        load.start()
        while True:
            due = time.monotonic() + every
            turning.turn(over)
            tally = load.tally
            tell(
                f"{time.monotonic() - began:.0f} s: {tally.done} done, {tally.failed} failed, {tally.refused} refused, "
                f"{sum(turning.done.values())} rotations, {turning.cut} connections cut"
            )
            if time.monotonic() - began >= seconds:
                break
            time.sleep(max(0.0, min(due, began + seconds) - time.monotonic()))
        load.stop()
        took = time.monotonic() - began
        restarted = tuple(name for name, process in fleet.running.items() if process.poll() is not None)
        found = search(fleet, turning.planted, load.tally.answers)
        return Report(
            took, tally.done, tally.failed, tally.refused, dict(tally.leaks), tally.again, tally.slowest_seconds,
            {path: turning.done[path] for path in ROTATED}, turning.cut, fleet.provider.refused, restarted, refusals(),
            len(turning.planted), found, audit.verify().ok, (*tally.reasons, *dict.fromkeys(turning.stuck)),
        )  # fmt: skip


def _unrecorded(*_: object) -> None:
    """The load's own reads are no accesses anybody asks about."""
