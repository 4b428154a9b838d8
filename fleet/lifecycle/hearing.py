"""Does this worker still hear its broker?

A ghost beats and consumes nothing: its event loop hangs, or its connection leads nowhere. Its own heartbeat thread is who
can know: there are slots to fill, the store answers, and the broker, which answers a waiting worker every second, does not.
"""

from __future__ import annotations

import time

from celery.worker import state

from fleet.app import app
from fleet.dispatcher import transport
from fleet.dispatcher.outcome import attempt_of

QUIET_SECONDS = 5.0
"""A waiting worker hears an empty answer every second."""


class Hearing:
    """Counts for how long the worker has been deaf."""

    def __init__(self, slots: int) -> None:
        self._slots, self._began = slots, time.monotonic()
        self._since: float | None = None

    def deaf_seconds(self, running: int) -> float:
        """Return how long slots have been free and nothing was heard; `running` is what the store knows to run here."""
        silence = transport.silence()
        if silence is None:
            silence = time.monotonic() - self._began
        if silence < QUIET_SECONDS or running + foreign() >= self._slots:
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()
        return 0.0 if self._since is None else time.monotonic() - self._since


def broker_answers(seconds: float = 2.0) -> bool:
    """Return whether a new connection to the broker works: if it does not, being deaf is no fault of this worker."""
    connection = app.connection_for_read(connect_timeout=seconds)
    try:
        connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=seconds)
        return True
    except Exception:
        return False
    finally:
        connection.release()


def foreign() -> int:
    """Return how many tasks that are not the fleet's run here; the store does not know of them."""
    try:
        return sum(attempt_of(request._context) is None for request in state.active_requests)
    except RuntimeError:  # the event loop changed the set meanwhile
        return 1
