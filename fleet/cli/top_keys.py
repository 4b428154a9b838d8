"""What does a key do in `fleet top`?

`press` is pure: what was watched, a key and the fleet in; what is watched then, with at most one wish, out.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from fleet.diagnostics.glance import Glance

UP, DOWN, ESCAPE = "\x1b[A", "\x1b[B", "\x1b"
HELP = "up/down choose  p pause  r resume  d drain  e explain  q quit"
TAKING = ("idle", "busy")
MOST_CHOICES = 9


@dataclass(frozen=True, slots=True)
class Watch:
    """Which pool is chosen, what is asked, what was wished, and what is said below."""

    chosen: int = 0
    asks: str = ""
    """A question that waits for a key; the choices stand in `offers`."""
    offers: tuple[tuple[str, str, str], ...] = ()
    """(key, verb, target)"""
    wish: tuple[str, str] | None = None
    explains: str = ""
    said: str = ""
    shown: tuple[str, ...] = ()
    is_over: bool = False

    def saying(self, text: str) -> Watch:
        return Watch(self.chosen, said=text)

    def showing(self, lines: tuple[str, ...]) -> Watch:
        return Watch(self.chosen, shown=lines)


def press(watch: Watch, key: str, glance: Glance) -> Watch:
    """Return what is watched after a key."""
    if watch.asks:
        for offered, verb, target in watch.offers:
            if key == offered:
                return Watch(watch.chosen, wish=(verb, target))
        return Watch(watch.chosen, said="nothing was done")
    here = Watch(min(watch.chosen, max(0, len(glance.pools) - 1)))
    if key in ("q", "\x03"):
        return replace(here, is_over=True)
    if not glance.pools:
        return here.saying("no pool is declared")
    pool = glance.pools[here.chosen].name
    match key:
        case "j" | "k" | "\x1b[A" | "\x1b[B":
            step = 1 if key in ("j", DOWN) else -1
            return Watch((here.chosen + step) % len(glance.pools))
        case "p":
            return replace(here, asks=f"pause {pool}? y/n", offers=(("y", "pause", pool),))
        case "r":
            return replace(here, wish=("resume", pool))
        case "e":
            return replace(here, explains=pool)
        case "d":
            return _which(here, pool, glance)
        case "\x1b":
            return here
        case _:
            return here.saying(HELP)


def _which(here: Watch, pool: str, glance: Glance) -> Watch:
    takers = [row.worker_id for row in glance.workers if row.pool == pool and row.status in TAKING][:MOST_CHOICES]
    if not takers:
        return here.saying(f"no worker of {pool} takes tasks: nothing to drain")
    offers = tuple((str(number), "drain", worker) for number, worker in enumerate(takers, 1))
    return replace(here, asks="drain which? a digit, or any other key for none", offers=offers)


@contextmanager
def keyboard() -> Iterator[Callable[[float], str | None]]:
    """Read keys one by one; yields a function that waits for one so many seconds. The terminal is restored after."""
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)

    def pressed(seconds: float) -> str | None:
        ready, _, _ = select.select([handle], [], [], seconds)
        return os.read(handle, 8).decode(errors="replace") or "q" if ready else None

    try:
        tty.setcbreak(handle)
        yield pressed
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
