"""Which routes are there, who may use each, and what goes in and out?

The one table: the server, the OpenAPI document and the tests of who may do what are made of it. `role` is the least one
that may; None means everybody, without a credential.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from fleet.gateway import commands, console, dead_letters, insight, pauses, probes, progress, tasks
from fleet.gateway import schemas as s
from fleet.gateway.exchange import Handler
from fleet.secrets.roles import Role

Method = Literal["GET", "POST", "DELETE"]
API = "/api/v1"


@dataclass(frozen=True, slots=True)
class Route:
    """One row; `answers` maps every expected status to its model (None: a medium of its own)."""

    method: Method
    path: str
    role: Role | None
    handler: Handler
    summary: str
    answers: dict[int, type[BaseModel] | None]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    idempotent_by_key: bool = False

    @property
    def name(self) -> str:
        """Return the operation's name."""
        words = [word.strip("{}") for word in self.path.removeprefix(API).split("/") if word]
        return "_".join([self.method.lower(), *words]).replace("-", "_")


VIEWER, PRODUCER, OPERATOR, ADMIN = Role
_TASK = f"{API}/tasks/{{task_id}}"
_DEAD = f"{API}/dead-letters"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/health", None, probes.health, "Is the process alive?", {200: s.HealthGiven}),
    Route("GET", "/ready", None, probes.ready, "Can submissions be taken?", {200: s.ReadyGiven, 503: s.ProblemGiven}),
    Route("GET", console.PATH, None, console.page, "A page for people, without data of its own", {200: None}),
    Route("GET", "/metrics", VIEWER, probes.metrics, "Numbers for Prometheus", {200: None}),
    Route("GET", f"{API}/whoami", VIEWER, insight.whoami, "Who am I?", {200: s.IdentityGiven}),
    Route("GET", f"{API}/glance", VIEWER, insight.glance, "The fleet at a glance", {200: s.GlanceGiven}),
    Route(
        "POST",
        f"{API}/tasks",
        PRODUCER,
        tasks.submit,
        "Submit a task",
        {202: s.SubmissionGiven, 403: s.ProblemGiven},
        body=s.TaskRequest,
        idempotent_by_key=True,
    ),
    Route(
        "POST",
        f"{API}/tasks/bulk",
        PRODUCER,
        tasks.submit_bulk,
        "Submit several tasks",
        {200: s.BulkGiven, 403: s.ProblemGiven},
        body=s.BulkRequest,
        idempotent_by_key=True,
    ),
    Route("GET", f"{API}/tasks", VIEWER, tasks.search, "Search tasks", {200: s.TasksGiven}, query=s.SearchQuery),
    Route(
        "GET",
        _TASK,
        VIEWER,
        tasks.read,
        "Look at a task, or wait for its end",
        {200: s.TaskGiven, 404: s.ProblemGiven},
        query=s.WaitQuery,
    ),
    Route(
        "GET",
        f"{_TASK}/events",
        VIEWER,
        progress.watch,
        "Watch a task (server-sent events)",
        {200: None, 404: s.ProblemGiven},
    ),
    Route(
        "GET",
        f"{_TASK}/decision",
        VIEWER,
        tasks.decision,
        "Why did it go there?",
        {200: s.DecisionGiven, 404: s.ProblemGiven},
    ),
    Route(
        "POST",
        f"{_TASK}/cancel",
        PRODUCER,
        tasks.cancel,
        "Cancel a task",
        {200: s.CancelGiven, 404: s.ProblemGiven, 409: s.ProblemGiven},
    ),
    Route(
        "GET",
        _DEAD,
        VIEWER,
        dead_letters.listed,
        "Tasks the fleet gave up",
        {200: s.DeadLettersGiven},
        query=s.DeadLetterQuery,
    ),
    Route(
        "GET",
        f"{_DEAD}/{{task_id}}",
        PRODUCER,
        dead_letters.show,
        "Look at a dead letter and its payload",
        {200: s.DeadLetterGiven, 404: s.ProblemGiven},
    ),
    Route(
        "POST",
        f"{_DEAD}/{{task_id}}/replay",
        PRODUCER,
        dead_letters.replay,
        "Run a dead letter again, edited or as it is",
        {200: s.DeadLetterStateGiven, 404: s.ProblemGiven},
        body=s.ReplayRequest,
    ),
    Route(
        "DELETE",
        f"{_DEAD}/{{task_id}}",
        PRODUCER,
        dead_letters.discard,
        "Forget a dead letter",
        {200: s.DeadLetterStateGiven, 404: s.ProblemGiven},
    ),
    Route(
        "POST",
        f"{_DEAD}/replay",
        PRODUCER,
        dead_letters.replay_many,
        "Run many dead letters again",
        {200: s.DeadLetterStatesGiven},
        body=s.DeadLetterChoice,
    ),
    Route(
        "POST",
        f"{_DEAD}/discard",
        PRODUCER,
        dead_letters.discard_many,
        "Forget many dead letters",
        {200: s.DeadLetterStatesGiven},
        body=s.DeadLetterChoice,
    ),
    Route("GET", f"{API}/pauses", VIEWER, pauses.listed, "What is paused", {200: s.PausesGiven}),
    Route(
        "POST",
        f"{API}/pauses",
        OPERATOR,
        pauses.pause,
        "Release nothing more to a pool or of a task type",
        {200: s.PauseGiven},
        body=s.PauseRequest,
    ),
    Route(
        "DELETE",
        f"{API}/pauses/{{name}}",
        OPERATOR,
        pauses.resume,
        "Release again",
        {200: s.PauseGiven, 404: s.ProblemGiven},
    ),
    Route("GET", f"{API}/pools", VIEWER, insight.pools, "Pools and their load", {200: s.PoolsGiven}),
    Route(
        "GET",
        f"{API}/pools/{{pool}}/metric",
        VIEWER,
        insight.pool_metric,
        "What KEDA's metrics-api scaler reads",
        {200: s.PoolMetricGiven, 404: s.ProblemGiven, 503: s.ProblemGiven},
        query=s.MetricQuery,
    ),
    Route("GET", f"{API}/workers", VIEWER, insight.workers, "Registered workers", {200: s.WorkersGiven}),
    Route("GET", f"{API}/costs", VIEWER, insight.costs, "Budgets and spending", {200: s.CostsGiven}),
    Route("GET", f"{API}/incidents", VIEWER, insight.incidents, "Open incidents", {200: s.IncidentsGiven}),
    Route(
        "GET",
        f"{API}/audit",
        ADMIN,
        insight.audit_entries,
        "Newest audit entries",
        {200: s.AuditGiven},
        query=s.CountQuery,
    ),
    Route(
        "POST",
        f"{API}/scale-up",
        OPERATOR,
        commands.scale_up,
        "Hold more replicas for a time",
        {202: s.ActionGiven, 409: s.ProblemGiven},
        body=s.ScaleUpRequest,
    ),
    Route(
        "POST",
        f"{API}/emergency-mode",
        OPERATOR,
        commands.emergency_on,
        "Throttle admission for a time",
        {202: s.ActionGiven, 409: s.ProblemGiven},
        body=s.EmergencyRequest,
    ),
    Route(
        "POST",
        f"{API}/acts",
        OPERATOR,
        commands.act,
        "Acknowledge an incident, drain a worker, or undrain it",
        {200: s.ActGiven, 409: s.ProblemGiven},
        body=s.ActRequest,
    ),
    Route("GET", f"{API}/actions", VIEWER, commands.actions, "Actions in force", {200: s.ActionsGiven}),
    Route(
        "DELETE",
        f"{API}/actions/{{action_id}}",
        OPERATOR,
        commands.undo,
        "Undo an action",
        {200: s.UndoneGiven, 404: s.ProblemGiven},
    ),
)
