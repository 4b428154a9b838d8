"""How does a test wait for something that happens elsewhere?"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(fn: Callable[[], T], timeout: float = 10.0, interval: float = 0.05) -> T:
    """Call `fn` until it returns something true, and return that; fail with its last answer or error."""
    deadline = time.monotonic() + timeout
    while True:
        last: object
        try:
            answer = fn()
            if answer:
                return answer
            last = answer
        except Exception as exc:
            last = exc
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout:g} s; last: {last!r}")
        time.sleep(interval)
