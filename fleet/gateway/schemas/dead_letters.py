"""How are dead letters asked for, chosen and sent anew?"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from fleet.gateway.schemas.tasks import TaskGiven
from fleet.gateway.schemas.words import MOST_IN_BULK, Asked, Given, Id, Tenant, TypeName


class CountQuery(Asked):
    limit: int = Field(50, ge=1, le=500)


class DeadLetterQuery(Asked):
    task_type: TypeName | None = None
    tenant: Tenant | None = None
    reason: str = Field("", max_length=200)
    """Only those whose reason contains this."""
    limit: int = Field(50, ge=1, le=500)


class DeadLettersGiven(Given):
    dead_letters: list[TaskGiven]


class DeadLetterGiven(TaskGiven):
    """A task the fleet gave up, with what it carries."""

    payload: dict[str, Any]


class ReplayRequest(Asked):
    """Run a dead letter again."""

    payload: dict[str, Any] | None = None
    """What it carries from now on; absent: what it carried."""


class DeadLetterChoice(Asked):
    """Which dead letters: those named, or all that fit."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"task_type": "code_generation", "reason": "model server"}]}
    )
    task_ids: list[Id] | None = Field(None, min_length=1, max_length=MOST_IN_BULK)
    task_type: TypeName | None = None
    tenant: Tenant | None = None
    reason: str = Field("", max_length=200)
    """Only those whose reason contains this."""
    limit: int = Field(MOST_IN_BULK, ge=1, le=MOST_IN_BULK)
    """At most so many, oldest first."""


class DeadLetterStateGiven(Given):
    task_id: str
    state: str
    """Where it is now, or `discarded`."""


class DeadLetterStatesGiven(Given):
    states: dict[str, str]
    """Of each task: where it is now, `discarded`, `is no dead letter`, or why it stays one."""
    left: int
    """Dead letters that fit, beyond those."""
