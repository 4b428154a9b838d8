"""How does an agent's function become a task?

`@agent_task("code_generation", payload=CodeGeneration)` registers a Celery task of that name. Around every attempt:
claim (the fence), validate, run, and hand the outcome to the fleet's backend. A run gets a `Run`: progress, paid calls,
secrets, limits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import Task
from celery.exceptions import Ignore
from pydantic import BaseModel

from fleet.app import app
from fleet.dispatcher import signatures, traced
from fleet.dispatcher.claim import Claim, claim
from fleet.dispatcher.outcome import attempt_of
from fleet.lifecycle import identity
from fleet.telemetry import logs
from workers.attempt import attempt
from workers.run import Run

Result = dict[str, Any]


class AgentTask(Task):  # type: ignore[misc]
    """A Celery task that claims its attempt before it runs."""

    abstract = True
    # Results belong to their producer, not into logs.
    resultrepr_maxsize = 40
    payload_model: type[BaseModel] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run as an attempt when a worker asks; called like a function, only run."""
        request = self.request
        if request.called_directly or getattr(request, "fleet_tenant", None):
            return super().__call__(*args, **kwargs)
        with logs.bound(task_id=str(request.id)), attempt(self.name, request, lambda: self.claim(args, kwargs)):
            return self.run(*args, **kwargs)

    def claim(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Claim:
        """Ask for the attempt; a forged message is refused, a redelivered or overtaken one dropped quietly."""
        request = self.request
        if forged := signatures.refusal(request, self.name, args, kwargs):
            logs.get("worker").warning("message_refused", task_id=request.id, why=forged, next_step="find who writes to the broker")
            raise Ignore(forged)
        number = attempt_of(request)
        if number is None:
            return Claim(True)
        claimed = claim(request.id, number, identity.current(), traced.recorded(request))
        if not claimed.granted:
            logs.get("worker").info("attempt_dropped", task_id=request.id, attempt=number, why=claimed.reason)
            raise Ignore(claimed.reason)
        request.fleet_tenant = claimed.tenant
        return claimed


def agent_task(
    name: str, payload: type[BaseModel] | None = None, **options: Any
) -> Callable[[Callable[..., Result]], AgentTask]:
    """Register `function(payload, run) -> dict` as the task type's Celery task."""

    def decorate(function: Callable[..., Result]) -> AgentTask:
        def run(self: AgentTask, *previous: Any, **kwargs: Any) -> Result:
            context = Run.of(self, previous)
            return function(payload.model_validate(kwargs) if payload else kwargs, context)

        run.__doc__ = function.__doc__
        task: AgentTask = app.task(run, name=name, base=AgentTask, bind=True, payload_model=payload, **options)
        return task

    return decorate
