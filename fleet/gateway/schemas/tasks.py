"""What do requests and answers about tasks look like?"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from fleet.gateway.schemas.words import MOST_IN_BULK, YEAR, Asked, Given, IdempotencyKey, PoolName, Tenant, TypeName


class TaskRequest(Asked):
    """Work to be done."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "task_type": "code_generation",
                    "payload": {"prompt": "A function that returns the n-th Fibonacci number"},
                    "priority": 7,
                    "idempotency_key": "order-4711",
                }
            ]
        }
    )
    task_type: TypeName
    """What kind of work."""
    payload: dict[str, Any]
    """Its arguments, as the task type's model wants them."""
    tenant: Tenant | None = None
    """For whom; only callers of all tenants may name another than their own."""
    priority: int = Field(5, ge=0, le=9)
    """9 is most urgent."""
    delay_seconds: float = Field(0, ge=0, le=YEAR, allow_inf_nan=False)
    """Start no earlier than this long from now."""
    deadline_seconds: float | None = Field(None, gt=0, le=YEAR, allow_inf_nan=False)
    """Give up when not started this long from now."""
    idempotency_key: IdempotencyKey | None = None
    """The same key names the same task; the `Idempotency-Key` header does the same."""
    complexity: float = Field(0.5, ge=0, le=1, allow_inf_nan=False)
    """How hard the task is, from 0 (easy) to 1 (hard)."""
    size_seconds: float | None = Field(None, gt=0, le=YEAR, allow_inf_nan=False)
    """How long it would run on a worker of speed 1, where the producer knows."""


class BulkRequest(Asked):
    """Several tasks at once; each has its own outcome."""

    tasks: list[TaskRequest] = Field(min_length=1, max_length=MOST_IN_BULK)


class SubmissionGiven(Given):
    """What became of a submission."""

    answer: Literal["accepted", "deferred", "refused"]
    task_id: str
    pool: str | None
    """Where it runs, once that is known."""
    reason: str
    retry_after_seconds: float


class BulkGiven(Given):
    submissions: list[SubmissionGiven]


class TaskGiven(Given):
    """A task: its state, attempt, times, result and decision."""

    task_id: str
    state: str


class TasksGiven(Given):
    tasks: list[TaskGiven]


class CancelGiven(Given):
    task_id: str
    was: str
    """The state it was in."""


class WaitQuery(Asked):
    wait_seconds: float = Field(0, ge=0, le=60, allow_inf_nan=False)
    """Answer when the task has ended, or after this long."""


class SearchQuery(Asked):
    state: Literal["held", "released", "running", "done", "failed", "dead", "cancelled"] | None = None
    task_type: TypeName | None = None
    pool: PoolName | None = None
    limit: int = Field(50, ge=1, le=500)


class DecisionGiven(Given):
    """Why a task went where it went."""

    task_id: str
    decision: Any
    said: list[str]
    """The same for people."""
