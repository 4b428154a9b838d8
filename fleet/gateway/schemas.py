"""What do requests and answers look like?

Models the gateway checks requests with and the OpenAPI document is made of. Requests are closed: an unknown field is a
typo, not a wish.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
Tenant = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
TypeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
PoolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}(@[a-z0-9._-]{1,32})?$")]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
YEAR = 366 * 86_400.0
MOST_IN_BULK = 1000


class Asked(BaseModel):
    """A request: closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Given(BaseModel):
    """An answer: may grow fields."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)


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

    model_config = ConfigDict(json_schema_extra={"examples": [{"task_type": "code_generation", "reason": "model server"}]})
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


class PauseRequest(Asked):
    """Release nothing more to a pool or of a task type."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "code_generator", "why": "provider outage"}]})
    name: PoolName
    """A pool or a task type."""
    why: str = Field(min_length=1, max_length=500)


class PauseGiven(Given):
    name: str
    cells: list[str]
    """Where it took hold."""


class PausesGiven(Given):
    paused: list[dict[str, str]]
    """Name, why and cell of each."""


class GlanceGiven(Given):
    """The fleet at one moment, by the store's clock."""

    cell: str
    at: float
    emergency: dict[str, str]
    pools: list[dict[str, Any]]
    lanes: list[dict[str, Any]]
    """Held tasks of a task type, and how long the oldest waits."""
    workers: list[dict[str, Any]]
    spent_last_hour_usd: str
    budgets: list[dict[str, Any]]
    incidents: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    dead: list[dict[str, Any]]


class PoolsGiven(Given):
    pools: list[dict[str, Any]]


class MetricQuery(BaseModel):
    """The HPA's tolerance where the cluster does not let it be 0."""

    tolerance: float = Field(0.0, ge=0.0, le=0.5)


class PoolMetricGiven(Given):
    """`value` with target value 1 makes an HPA land on the pool's target."""

    pool: str
    value: float


class WorkersGiven(Given):
    workers: list[dict[str, Any]]


class DecisionGiven(Given):
    """Why a task went where it went."""

    task_id: str
    decision: Any
    said: list[str]
    """The same for people."""


class CostsGiven(Given):
    budgets: list[dict[str, Any]]
    report: dict[str, Any] | None
    """The cost job's last analysis."""


class IncidentsGiven(Given):
    incidents: list[dict[str, Any]]


class AuditGiven(Given):
    entries: list[dict[str, Any]]


class ScaleUpRequest(Asked):
    """Hold more replicas in pools for a time."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"pool": "coders", "replicas": 2, "minutes": 30, "why": "launch at noon"}]}
    )
    pool: PoolName
    replicas: int = Field(1, ge=1, le=100)
    """Replicas to add."""
    minutes: float = Field(30, ge=0.1, le=1440, allow_inf_nan=False)
    why: str = Field(min_length=1, max_length=500)


class EmergencyRequest(Asked):
    """Throttle admission of ordinary tasks for a time."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"admitted_share": 0.25, "minutes": 15, "why": "provider outage"}]}
    )
    admitted_share: float = Field(0.25, ge=0.05, le=1, allow_inf_nan=False)
    minutes: float = Field(15, ge=0.1, le=240, allow_inf_nan=False)
    why: str = Field(min_length=1, max_length=500)


class ActRequest(Asked):
    """Something an operator does at once to an incident or a worker."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"verb": "drain", "target": "coders.1@host", "why": "new kernel"}]})
    verb: Literal["acknowledge", "drain", "undrain"]
    target: str = Field(min_length=1, max_length=300, pattern=r"^[\x20-\x7e]+$")
    """An incident to acknowledge; a worker to drain or undrain."""
    why: str = Field("", max_length=500)


class ActGiven(Given):
    """What was done."""

    is_done: bool
    said: str


class ActionGiven(Given):
    """An action that was asked for."""

    id: str
    in_force: bool
    reason: str


class ActionsGiven(Given):
    actions: list[dict[str, Any]]


class UndoneGiven(Given):
    id: str
    results: list[dict[str, Any]]


class HealthGiven(Given):
    status: Literal["alive"]


class ReadyGiven(Given):
    status: Literal["ready"]


class IdentityGiven(Given):
    """Who the gateway takes you for."""

    name: str
    tenant: str
    role: Literal["viewer", "producer", "operator", "admin"]
    how: str


class ProblemGiven(Given):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[dict[str, str]] = []
