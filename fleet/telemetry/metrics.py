"""Which metrics does the fleet have?

One table for everything: Lua counters, exposition, the did-you-mean of rules, dashboards and documentation are checked
against it. `ai_*` names are the published contract; `fleet_*` names are the machinery.
"""

from __future__ import annotations

from typing import Final

from fleet.telemetry.metric import Feed, Kind, Label, Metric

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)

AGENT_ID = Label("agent_id", bound="registered worker")
AGENT_TYPE = Label("agent_type", bound="agent type")
TASK_TYPE = Label("task_type", bound="task type")
POOL = Label("pool", bound="pool")
MODEL = Label("model", bound="priced model")
BUDGET = Label("budget", bound="budget")
PERIOD = Label("period", ("hour", "day", "month", "task"))
COMPLEXITY = Label("complexity", ("low", "medium", "high"))
WORKER_STATUS = Label("status", ("idle", "busy", "failed", "maintenance"))
OUTCOME = Label("outcome", ("done", "failed", "dead", "cancelled"))
RUN_OUTCOME = Label("outcome", ("ok", "failed"))
ANSWER = Label("answer", ("accepted", "deferred", "refused"))
REASON = Label(
    "reason",
    (
        "none",
        "rate_limit",
        "budget",
        "emergency",
        "paused",
        "queue_full",
        "no_pool",
        "duplicate",
        "deadline",
        "invalid",
        "other",
    ),
)
STATE = Label("state", ("held", "scheduled", "released", "running"))
SEVERITY = Label("severity", ("info", "warning", "critical"))

_COUNTED = Feed.COUNTED


def _counter(name: str, help: str, *labels: Label) -> Metric:
    return Metric(name, Kind.COUNTER, help, labels, _COUNTED)


def _gauge(name: str, help: str, *labels: Label) -> Metric:
    return Metric(name, Kind.GAUGE, help, labels)


def _histogram(name: str, help: str, *labels: Label, buckets: tuple[float, ...] = SECONDS) -> Metric:
    return Metric(name, Kind.HISTOGRAM, help, labels, _COUNTED, buckets)


TABLE: Final[tuple[Metric, ...]] = (
    # Agents: the published contract.
    _gauge(
        "ai_agents_total",
        "Registered workers by agent type and status.",
        Label("type", bound="agent type"),
        WORKER_STATUS,
    ),
    _histogram("ai_task_duration_seconds", "Run time of an attempt, claim to finish.", TASK_TYPE, POOL),
    _gauge("ai_agent_load", "Share of a worker's slots that are busy, 0 to 1.", AGENT_ID),
    _counter(
        "ai_agent_requests_total",
        "Finished attempts; endpoint is the task type.",
        AGENT_TYPE,
        Label("status", OUTCOME.values),
        Label("endpoint", bound="task type"),
    ),
    _histogram("ai_agent_response_time_seconds", "Submission to final outcome of a task.", AGENT_TYPE, COMPLEXITY),
    _gauge(
        "ai_agent_success_rate",
        "Share of the last 100 remembered outcomes per pool that succeeded; of pools that end many a second every eighth is remembered.",
        AGENT_TYPE,
    ),
    _counter("ai_agent_token_usage_total", "Tokens paid for, in and out.", AGENT_TYPE, MODEL),
    _gauge(
        "ai_agent_queue_length",
        "Tasks waiting for a pool: released and not claimed, plus held tasks booked to it.",
        POOL,
    ),
    # Tasks and the dispatcher.
    _counter(
        "fleet_submissions_total",
        "Answers to submit, with the reason of a deferral or refusal.",
        TASK_TYPE,
        ANSWER,
        REASON,
    ),
    _counter(
        "fleet_tasks_finished_total",
        "Tasks by final outcome and the pool that ran them last.",
        TASK_TYPE,
        POOL,
        OUTCOME,
    ),
    _gauge("fleet_tasks", "Unfinished tasks by state.", STATE),
    _gauge("fleet_held_tasks", "Tasks held for a free slot.", TASK_TYPE),
    _gauge("fleet_queue_age_seconds", "Age of the oldest held task.", TASK_TYPE),
    _gauge(
        "fleet_stranded_tasks",
        "Held tasks nobody can take: no ready worker understands their contract, or no pool that can run them has one.",
        TASK_TYPE,
        Label("missing", ("contract", "pool")),
    ),
    _gauge("fleet_queue_paused", "1 while releases are paused.", Label("queue", bound="pool or task type")),
    _histogram("fleet_task_wait_seconds", "Due to running: the time a task waited.", TASK_TYPE),
    _counter(
        "fleet_decisions_total",
        "Tasks placed on a pool, by the strategy that chose it.",
        Label("strategy", bound="strategy"),
        POOL,
    ),
    _counter(
        "fleet_retries_total",
        "Attempts that were held again.",
        TASK_TYPE,
        Label("reason", ("failed", "lost", "timeout", "drained", "other")),
    ),
    _gauge("fleet_dead_letters", "Tasks on the dead-letter list.", TASK_TYPE),
    _gauge("fleet_pool_slots", "Slots of a pool's ready workers.", POOL, Label("use", ("busy", "free"))),
    _gauge("fleet_pool_ejected", "1 while a pool is ejected for failing.", POOL),
    _counter("fleet_ejections_total", "Times a pool was ejected.", POOL),
    # Leases and recovery.
    _counter("fleet_leases_expired_total", "Workers whose lease ran out.", POOL),
    _counter("fleet_tasks_recovered_total", "Running tasks taken back from a silent worker.", TASK_TYPE, POOL),
    _counter("fleet_tasks_moved_total", "Held tasks that came from a drained cell.", TASK_TYPE),
    _counter("fleet_malformed_messages_total", "Messages that were no tasks.", Label("queue", bound="pool")),
    _counter("fleet_fenced_total", "Stale attempts turned away.", Label("step", ("claim", "finish"))),
    # Workers.
    _gauge("fleet_workers", "Registered workers.", POOL, WORKER_STATUS),
    _gauge("fleet_ghost_workers", "Workers that beat but do not consume.", POOL),
    _gauge("fleet_heartbeat_age_seconds", "Age of the oldest heartbeat of a pool.", POOL),
    # Scaling.
    _gauge("fleet_target_replicas", "Replicas the fleet asks for.", POOL),
    _gauge("fleet_ready_replicas", "Replicas with a live lease.", POOL),
    _gauge("fleet_target_age_seconds", "Age of the published target.", POOL),
    _gauge("fleet_target_floor", "Floor an action holds under a pool's target.", POOL),
    _gauge(
        "fleet_target_binding",
        "1 for the limit that set the target.",
        POOL,
        Label("limit", ("demand", "minimum", "maximum", "quota", "budget", "pin", "floor", "emergency", "work")),
    ),
    _counter("fleet_scaling_decisions_total", "Targets published.", POOL, Label("direction", ("up", "down", "same"))),
    # Money.
    _counter("fleet_cost_usd_total", "Dollars spent on paid calls.", AGENT_TYPE, MODEL),
    _counter("fleet_llm_calls_total", "Paid calls.", MODEL, RUN_OUTCOME),
    _histogram("fleet_llm_call_seconds", "Time of a paid call.", MODEL),
    _gauge("fleet_budget_spent_ratio", "Spent over the limit of the current window; 1 is all of it.", BUDGET, PERIOD),
    _gauge("fleet_budget_limit_usd", "Limit of a budget.", BUDGET, PERIOD),
    _gauge("fleet_budget_reserved_usd", "Reserved and not yet settled.", BUDGET, PERIOD),
    # Beat, broker, secrets.
    _gauge("fleet_beat_age_seconds", "Time since beat last ran a job; grows while beat is missing."),
    _gauge("fleet_job_age_seconds", "Time since a scheduled job last succeeded.", Label("job", bound="beat job")),
    _counter("fleet_job_runs_total", "Runs of scheduled jobs.", Label("job", bound="beat job"), RUN_OUTCOME),
    _gauge("fleet_broker_up", "1 when the broker answers."),
    _gauge("fleet_broker_memory_bytes", "Memory the broker uses."),
    _gauge("fleet_broker_memory_ratio", "Memory used over the broker's own limit; absent without a limit."),
    _gauge("fleet_broker_evicting", "1 when the broker may evict keys, which would lose tasks."),
    _gauge("fleet_broker_clients", "Connections to the broker."),
    _gauge("fleet_secret_age_days", "Days since a secret was rotated.", Label("secret", bound="secret")),
    _counter("fleet_secret_rotations_total", "Rotations.", RUN_OUTCOME),
    # Alerts and actions.
    _gauge("fleet_incidents", "Open incidents.", SEVERITY, Label("status", ("pending", "firing", "acknowledged"))),
    _gauge("fleet_notifications_waiting", "Notifications in the outbox."),
    _gauge("fleet_notifications_dead", "Notifications given up; see `fleet alerts history --dead`."),
    _counter("fleet_notifications_total", "Delivery attempts.", Label("channel", bound="channel"), RUN_OUTCOME),
    _gauge(
        "fleet_alerts_blind",
        "1 while rules cannot be judged because their source is away.",
        Label("source", ("state", "prometheus")),
    ),
    _gauge("fleet_actions_active", "Actions in force.", Label("action", bound="action")),
    _gauge("fleet_emergency_mode", "1 while admission is throttled by emergency mode."),
    # Gateway and the instruments themselves.
    _counter(
        "fleet_gateway_requests_total",
        "Requests answered by the gateway.",
        Label("route", bound="gateway route"),
        Label("method", ("GET", "POST", "PUT", "PATCH", "DELETE")),
        Label("code", ("2xx", "3xx", "4xx", "5xx")),
    ),
    _histogram("fleet_gateway_request_seconds", "Time the gateway took.", Label("route", bound="gateway route")),
    _counter("fleet_metrics_dropped_total", "Increments refused because the series limit was reached."),
)

BY_NAME: Final[dict[str, Metric]] = {metric.name: metric for metric in TABLE}
SERIES: Final[dict[str, Metric]] = {name: metric for metric in TABLE for name in metric.series_names}


def complexity_class(complexity: float) -> str:
    """Return the label of a task's complexity, with the borders the scoring uses."""
    if complexity <= 0.3:
        return "low"
    return "medium" if complexity <= 0.7 else "high"
