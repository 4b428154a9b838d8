"""What does a worker do while the store is away?

It waits: work that is done must not be forgotten because Redis restarts. Claim and finish are fenced by their attempt, so
asking again is safe however late the answer comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from fleet.errors import StoreUnavailable

T = TypeVar("T")
LONGEST_SECONDS = 60.0


def patiently(ask: Callable[[bool], T], seconds: float = LONGEST_SECONDS) -> T:
    """Ask until the store answers, for a while; `ask` is told whether it asked before."""
    end, pause, again = time.monotonic() + seconds, 0.05, False
    while True:
        try:
            return ask(again)
        except StoreUnavailable:
            if time.monotonic() + pause > end:
                raise
            time.sleep(pause)
            pause, again = min(2 * pause, 1.0), True
