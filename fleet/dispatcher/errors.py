"""Which outcomes of a task does its producer meet as exceptions?

Only on `get`: a submit answers with a value.
"""

from __future__ import annotations

from fleet.errors import FleetError


class TaskFailed(FleetError):
    """The fleet ended the task: a deadline, too many attempts, too many lost workers."""


class NotAccepted(FleetError):
    """Somebody waits for a task that was deferred or refused."""


class MustWait(FleetError):
    """Raised by an agent: what it needs is not there yet. The task is held again, and this is no failure of it."""

    def __init__(self, text: str, seconds: float = 5.0) -> None:
        self.seconds = seconds
        super().__init__(text)


class PermanentFailure(FleetError):
    """Raised by an agent: trying again cannot help."""
