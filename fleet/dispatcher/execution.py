"""Who may run an attempt?

Every Celery task of a declared type, whatever function it is made from: its message must be genuine and its attempt
claimed. Tasks the fleet knows nothing about run as Celery runs them.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, Task
from celery.exceptions import Ignore

from fleet import catalogue
from fleet.dispatcher import contracts, malformed, signatures, traced
from fleet.dispatcher.attempt import attempt
from fleet.dispatcher.claim import Claim, claim
from fleet.dispatcher.outcome import attempt_of, finish
from fleet.errors import ConfigurationError
from fleet.telemetry import logs

WORKER_VARIABLE = "FLEET_WORKER_ID"
"""Holds the id a worker has taken; the processes of its pool inherit it."""


class FleetTask(Task):  # type: ignore[misc]
    """The class of every task of the application: `@app.task` and `@shared_task` alike."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run as an attempt when a worker asks; called like a function, only run."""
        request = self.request
        if request.called_directly or getattr(request, "fleet_tenant", None):
            return super().__call__(*args, **kwargs)
        number = attempt_of(request)
        if number is None:
            self.judge(args, kwargs)
            return self.run(*args, **kwargs)
        with logs.bound(task_id=str(request.id)), attempt(self.name, request, lambda: self.claim(number, args, kwargs)):
            return self.run(*args, **kwargs)

    def judge(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Refuse a message that is not genuine, where signatures are asked for, and keep it to be looked at."""
        request = self.request
        if forged := signatures.refusal(request, self.name, args, kwargs):
            logs.get("worker").warning("message_refused", task_id=request.id, why=forged, next_step="find who writes to the broker")
            queue = str((request.delivery_info or {}).get("routing_key", ""))
            malformed.keep(queue, f"{self.name} {request.id} {args!r} {kwargs!r}", f"refused: {forged}")
            raise Ignore(forged)

    def claim(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Claim:
        """Ask for the attempt; a forged message is refused, an alien one handed back, an overtaken one dropped."""
        request = self.request
        self.judge(args, kwargs)
        if alien := contracts.refusal(request, self.name):
            logs.get("worker").warning("task_not_understood", task_id=request.id, why=alien, next_step="it waits for workers that do")
            finish(request.id, number, "back", reason=alien)
            raise Ignore(alien)
        claimed = claim(request.id, number, os.environ.get(WORKER_VARIABLE, ""), traced.recorded(request))
        if not claimed.granted:
            logs.get("worker").info("attempt_dropped", task_id=request.id, attempt=number, why=claimed.reason)
            raise Ignore(claimed.reason)
        request.fleet_tenant = claimed.tenant
        return claimed


def check(app: Celery) -> None:
    """Refuse to serve declared types whose tasks would run unclaimed: their results would all be fenced off."""
    declared = catalogue.current().task_types
    wrong = sorted(name for name, task in app.tasks.items() if name in declared and not isinstance(task, FleetTask))
    if wrong:
        raise ConfigurationError(
            f"the tasks {', '.join(wrong)} are declared, but their class does not claim attempts: derive it from fleet.app.app.Task"
        )
