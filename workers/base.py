"""How does an agent's function become a task?

`@agent_task("code_generation", payload=CodeGeneration)` registers a Celery task of that name. Around every attempt:
claim (the fence), validate, run, and hand the outcome to the fleet's backend. A run gets a `Run`: progress, paid calls,
secrets, limits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from fleet.app import app
from fleet.dispatcher.execution import FleetTask
from fleet.telemetry.redaction import mask
from workers.run import Run

Result = dict[str, Any]


class AgentTask(FleetTask):
    """A Celery task of an agent: claimed before it runs, as every declared one."""

    abstract = True
    # Results belong to their producer, not into logs.
    resultrepr_maxsize = 40
    payload_model: type[BaseModel] | None = None


def agent_task(
    name: str, payload: type[BaseModel] | None = None, **options: Any
) -> Callable[[Callable[..., Result]], AgentTask]:
    """Register `function(payload, run) -> dict` as the task type's Celery task."""

    def decorate(function: Callable[..., Result]) -> AgentTask:
        def run(self: AgentTask, *previous: Any, **kwargs: Any) -> Result:
            context = Run.of(self, previous)
            try:
                return function(payload.model_validate(kwargs) if payload else kwargs, context)
            except Exception as error:
                mask(error)  # results, events and callbacks say what an exception says
                raise

        run.__doc__ = function.__doc__
        task: AgentTask = app.task(run, name=name, base=AgentTask, bind=True, payload_model=payload, **options)
        return task

    return decorate
