"""What happens to tasks a stopping worker took but never started?

They go back at once: the fleet does not wait for a timeout to learn that a worker leaves on purpose.
"""

from __future__ import annotations

from typing import Any

from celery import bootsteps, signals
from celery.worker import state

from fleet.dispatcher.outcome import attempt_of, finish
from fleet.errors import FleetError
from fleet.telemetry import logs


class Consumption(bootsteps.StartStopStep):  # type: ignore[misc]
    """After Celery stopped consuming: hand back what is reserved but not running."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Nothing: Celery consumes."""

    def stop(self, consumer: Any) -> None:
        hand_back(f"worker {consumer.hostname} stops")


def hand_back(why: str, *, running: bool = False) -> int:
    """Give every reserved request that has not started, or those that run as well, back to the fleet; returns how many."""
    count, taken, begun = 0, set(state.reserved_requests), set(state.active_requests)
    for request in taken | begun if running else taken - begun:
        attempt = attempt_of(request._context)
        if attempt is not None:
            try:
                count += finish(request.id, attempt, "back", reason=why) is not None
            except FleetError as error:
                logs.get("lifecycle").warning(
                    "hand_back_failed",
                    task_id=request.id,
                    error=str(error),
                    next="it is sent again after release_seconds",
                )
    return count


@signals.worker_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
def _leave(sender: Any, **_: Any) -> None:
    from fleet.lifecycle.membership import Membership

    for step in getattr(sender, "steps", ()):
        if isinstance(step, Membership):
            step.leave()
