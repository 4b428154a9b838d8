"""What can a producer do with a task it submitted?"""

from __future__ import annotations

import time
from typing import Any

from fleet.dispatcher import results, tasks
from fleet.dispatcher.cells import routing
from fleet.dispatcher.errors import NotAccepted
from fleet.dispatcher.submission import Submission

SLICE_SECONDS = 1.0


class TaskHandle:
    """A task as its producer holds it: the answer to the submit, and the way to status, result and cancel."""

    __slots__ = ("submission",)

    def __init__(self, submission: Submission) -> None:
        self.submission = submission

    def __repr__(self) -> str:
        return f"<TaskHandle {self.submission.answer} {self.submission.task_id}>"

    @property
    def id(self) -> str:
        return self.submission.task_id

    @property
    def is_accepted(self) -> bool:
        return self.submission.answer == "accepted"

    @property
    def status(self) -> str:
        """Return the task's state: held, released, running, done, failed, dead, cancelled, or unknown when its record expired."""
        with routing.holding(self.id, self.submission.cell):
            record = tasks.read(self.id)
        return record.state if record else "unknown"

    def get(self, timeout: float | None = None) -> Any:
        """Wait for the result and return it; raises what the task raised, or TimeoutError.

        Waits in short slices: a process that did not publish can miss the result's one wake-up message.
        """
        if not self.is_accepted:
            raise NotAccepted(f"task {self.id} was {self.submission.answer}: {self.submission.reason}")
        import celery.exceptions

        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = SLICE_SECONDS if end is None else max(0.01, min(SLICE_SECONDS, end - time.monotonic()))
            try:
                # The task may have moved to another cell since the last slice.
                with routing.holding(self.id, self.submission.cell):
                    return results.of(self.id).get(timeout=left)
            except celery.exceptions.TimeoutError:
                if end is not None and time.monotonic() >= end:
                    raise TimeoutError(
                        f"task {self.id} is {self.status} after {timeout:g} s; wait longer or look with `fleet explain task {self.id}`"
                    ) from None

    def cancel(self, why: str = "cancelled by its producer") -> str:
        """Cancel; returns the state it was in."""
        with routing.holding(self.id, self.submission.cell):
            return tasks.cancel(self.id, why)
