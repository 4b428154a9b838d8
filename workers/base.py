"""How does an agent's function become a task?

`@agent_task("code_generation", payload=CodeGeneration)` registers a Celery task of that name. Around every attempt:
claim (the fence), validate, run, and hand the outcome to the fleet's backend. A run gets a `Run`: progress, paid calls,
secrets, limits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from celery import Task
from celery.exceptions import Ignore
from pydantic import BaseModel

from fleet.app import app
from fleet.dispatcher import signatures
from fleet.dispatcher.claim import claim
from fleet.dispatcher.outcome import attempt_of
from fleet.lifecycle import identity
from fleet.telemetry import logs, tracing
from workers.run import Run

Result = dict[str, Any]


class AgentTask(Task):  # type: ignore[misc]
    """A Celery task that claims its attempt before it runs."""

    abstract = True
    # Results belong to their producer, not into logs.
    resultrepr_maxsize = 40
    payload_model: type[BaseModel] | None = None

    def before_start(self, task_id: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Ask for the attempt; a forged message is refused, a redelivered or overtaken one dropped quietly."""
        if forged := signatures.refusal(self.request, self.name, args, kwargs):
            logs.get("worker").warning("message_refused", task_id=task_id, why=forged, next_step="find who writes to the broker")
            raise Ignore(forged)
        attempt = attempt_of(self.request)
        if attempt is None:
            return
        claimed = claim(task_id, attempt, identity.current())
        if not claimed.granted:
            logs.get("worker").info("attempt_dropped", task_id=task_id, attempt=attempt, why=claimed.reason)
            raise Ignore(claimed.reason)
        self.request.fleet_tenant = claimed.tenant
        self.request.fleet_held_at = claimed.held_at


def _attempt_span(request: Any, name: str, context: Run) -> AbstractContextManager[Any]:
    """Continue the producer's trace: the time the task was held, then this attempt."""
    parent = tracing.continued({key: getattr(request, key, None) for key in ("traceparent", "tracestate")})
    if held_at := getattr(request, "fleet_held_at", 0.0):
        tracing.past_span(f"held {name}", held_at, time.time(), {"fleet.task_id": context.task_id}, parent=parent)
    about: dict[str, str | int] = {"fleet.task_id": context.task_id, "fleet.attempt": context.attempt}
    about["fleet.pool"] = context.pool
    return tracing.span(f"run {name}", about, kind="consumer", parent=parent)


def agent_task(
    name: str, payload: type[BaseModel] | None = None, **options: Any
) -> Callable[[Callable[..., Result]], AgentTask]:
    """Register `function(payload, run) -> dict` as the task type's Celery task."""

    def decorate(function: Callable[..., Result]) -> AgentTask:
        def run(self: AgentTask, *previous: Any, **kwargs: Any) -> Result:
            context = Run.of(self, previous)
            with (
                _attempt_span(self.request, name, context),
                logs.bound(task_id=str(self.request.id)),
            ):
                return function(payload.model_validate(kwargs) if payload else kwargs, context)

        run.__doc__ = function.__doc__
        task: AgentTask = app.task(run, name=name, base=AgentTask, bind=True, payload_model=payload, **options)
        return task

    return decorate
