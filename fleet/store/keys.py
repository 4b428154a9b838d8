"""Which keys exist, of what type, meaning what, until when, written by whom?

Every key of a cell starts with `fleet:{cell}:`; the braces are Redis' hash tag, so a cell lives in one slot. Scripts get
the prefix as KEYS[1] and spell the same suffixes; a test compares what a running fleet leaves in Redis with this table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One row of the table: `suffix` may hold `<placeholders>`."""

    suffix: str
    type: str
    meaning: str
    expiry: str
    writer: str


TABLE: tuple[Key, ...] = (
    # dispatcher
    Key(
        "task:<id>",
        "hash",
        "a task: type, tenant, state, attempt, pool, worker, envelope, times, decision",
        "result_seconds after its end",
        "dispatcher",
    ),
    Key(
        "held:<lane>",
        "zset",
        "held tasks of a lane (a task type, type#contract, or @pool when bound early) by priority and fair start tag",
        "-",
        "dispatcher",
    ),
    Key("lanes", "set", "lanes that hold tasks", "-", "dispatcher"),
    Key(
        "fair",
        "hash",
        "each active tenant's held and open tasks and last finish tag; #tenants: how many, #active: sum of their weights, #slots: of all slots, "
        "#worked and #predicted: mean seconds a task takes and was predicted to, "
        "#lanes: how often a lane began or ceased to hold tasks, #idle: 1 while tasks wait though slots are idle",
        "-",
        "dispatcher",
    ),
    Key("weights", "hash", "tenant -> weight in fair queueing", "-", "dispatcher"),
    Key(
        "factors:<type>",
        "hash",
        "pool -> expected seconds of cost per second of size; a missing pool cannot run the type",
        "-",
        "dispatcher",
    ),
    Key("slots", "hash", "pool -> slots of its ready workers", "-", "registry"),
    Key("contracts", "hash", "pool and type#contract -> how many of those slots understand it", "-", "registry"),
    Key(
        "serving",
        "string",
        "other after every change of slots, contracts or what is declared: what was concluded from them holds until then",
        "-",
        "registry",
    ),
    Key("inflight", "hash", "pool -> tasks released or running; #held -> tasks held in all lanes", "-", "dispatcher"),
    Key("queues", "hash", "pool -> its Celery queue; #remote: the broker is not this Redis", "-", "dispatcher"),
    Key("prices", "hash", "pool -> price per slot and hour in USD", "-", "dispatcher"),
    Key("paused", "hash", "pool or lane -> why nothing is released to it", "-", "dispatcher"),
    Key("ejected", "hash", "pool -> ejection state (failures in a row, times out, until when)", "-", "dispatcher"),
    Key("stats:<pool>", "hash", "learned speed and success per task type, mean service, outcomes", "-", "dispatcher"),
    Key(
        "size:<type>",
        "string",
        "what is learned of a task type's size: the eight numbers of predict.lua",
        "-",
        "dispatcher",
    ),
    Key("service", "hash", "pool -> mean service seconds of whatever it runs", "-", "dispatcher"),
    Key("knobs", "hash", "settings the scripts read live: hold, kappa, leases, retention", "-", "dispatcher"),
    Key("released", "zset", "released, not yet claimed task -> when", "-", "dispatcher"),
    Key("delayed", "zset", "task that waits for its time -> when it is due", "-", "dispatcher"),
    Key("deadlines", "zset", "held or delayed task -> its deadline", "-", "dispatcher"),
    Key("parked", "zset", "task paused by a budget -> when the budget was asked last", "-", "dispatcher"),
    Key("untold", "list", "tasks the fleet ended whose chord or error callback has not heard of it yet", "-", "dispatcher"),
    Key("dead", "zset", "dead letter -> since when", "-", "dispatcher"),
    Key("drained", "hash", "the cell takes no new task: since (unix seconds), why, by", "when undrained", "dispatcher"),
    Key("moving", "zset", "task on its way to another cell -> since when", "when it has arrived there", "dispatcher"),
    Key("malformed", "list", "messages nobody could decode, newest first, bounded", "-", "dispatcher"),
    Key(
        "idempotency:<tenant>:<key>",
        "string",
        "the task an idempotency key stands for",
        "idempotency_seconds",
        "dispatcher",
    ),
    Key("history", "stream", "ended tasks, newest last, bounded", "-", "dispatcher"),
    Key("retry_budget", "hash", "first attempts and retries by minute, of which the last two count", "-", "dispatcher"),
    Key(
        "emergency",
        "hash",
        "emergency mode: since, until (unix seconds), why, share (0 to 1, of ordinary submissions still admitted), action",
        "its ttl",
        "alerts",
    ),
    Key("layout", "hash", "version of these keys, the oldest layout whose builds can read them, who wrote it", "-", "dispatcher"),
    Key("ticked", "string", "when a tick ran last", "-", "dispatcher"),
    Key(
        "arrivals:<pool>",
        "hash",
        "running sums of tasks released to the pool: started, seconds and squares (predicted size), late, waited (seconds)",
        "-",
        "dispatcher",
    ),
    Key("rollouts", "hash", "pool -> the rollout of its new version: share, step, state, why (JSON)", "-", "dispatcher"),
    # registry
    Key("workers", "zset", "worker -> last heartbeat", "-", "registry"),
    Key("worker:<worker>", "hash", "a worker's record", "remove_seconds after its last heartbeat", "registry"),
    Key("running:<worker>", "set", "tasks a worker has claimed", "-", "dispatcher"),
    # costs
    Key("budgets", "hash", "budget -> its live declaration (JSON)", "-", "costs"),
    Key("budget_routes", "hash", "tenant and task type -> compiled budgets that guard them", "-", "costs"),
    Key(
        "budget:<name>:<window>:<start>",
        "hash",
        "spent, reserved, granted, fired thresholds of one window",
        "7, 90, 800 days after an hour, day, month",
        "costs",
    ),
    Key(
        "reservation:<task>",
        "hash",
        "what a task holds: reserved, committed to calls, spent",
        "when the task ends",
        "costs",
    ),
    Key("reservations", "zset", "task that holds a reservation -> since when", "-", "costs"),
    Key("estimate:<type>", "hash", "histogram of what tasks of a type cost, bounded", "-", "costs"),
    Key("outcomes:<type>", "hash", "model -> verified, failed, cost; also of the hold-out", "-", "costs"),
    Key("ledger", "stream", "ledger entries not yet rolled up into the durable ledger", "-", "costs"),
    Key("calls:<day>", "hash", "call id -> what was recorded for it", "3 days", "costs"),
    Key("cost_events", "stream", "thresholds, exhausted budgets, grants, downgrades, bounded", "-", "costs"),
    Key("limits", "hash", "scope -> requests, tokens and micro-dollars an hour", "-", "costs"),
    Key("limit:<scope>", "hash", "what a scope used in the last hour, by minute", "62 minutes", "costs"),
    Key("quotas", "hash", "provider/model -> requests and tokens a minute", "-", "costs"),
    Key("quota:<model>", "hash", "what the fleet used in the last minute, by second", "62 seconds", "costs"),
    Key("quota_closed", "hash", "provider/model -> until when nobody calls it", "-", "costs"),
    Key("controls", "hash", "cost controls changed live, with what they replaced", "-", "costs"),
    Key("cost_report", "string", "the cost job's last analysis (JSON)", "-", "costs"),
    # scaling
    Key("targets", "hash", "pool -> its target with inputs, limits and reason (JSON)", "-", "scaling"),
    Key(
        "scaling_states",
        "hash",
        "pool -> what the scaling decider remembers, and the counters it last saw (JSON)",
        "-",
        "scaling",
    ),
    Key("target_history:<pool>", "stream", "targets over time, bounded", "8 days after the last", "scaling"),
    Key(
        "season:<pool>",
        "string",
        "a week of loads in five-minute slots, 10 characters each",
        "8 days after the last write",
        "scaling",
    ),
    Key("pins", "hash", "pool -> replicas an operator fixed: who, why, until when (JSON)", "-", "scaling"),
    Key(
        "floors",
        "hash",
        "pool -> replicas an alert asked for: which, why, until when (JSON)",
        "-",
        "alerts, through scaling",
    ),
    # telemetry
    Key(
        "metrics",
        "hash",
        "counters and histograms, one field per series (`name|label|...`), bounded",
        "-",
        "everyone, inside their scripts",
    ),
    # secrets
    Key(
        "audit",
        "stream",
        "audit entries, hash-chained, id = sequence number",
        "when archived, all but the newest",
        "secrets",
    ),
    Key("audit_head", "hash", "ends of the audit chain: seq, hash, base_seq, base_hash, archived", "-", "secrets"),
    Key(
        "api_key:<id>",
        "hash",
        "an API key of the gateway: its hash, name, tenant, role, times",
        "when it expires",
        "secrets",
    ),
    Key("secret_ages", "hash", "secret -> when its newest version was written (unix seconds)", "-", "secrets"),
    Key("api_keys", "set", "ids of the API keys", "-", "secrets"),
    Key("login_failures:<source>", "string", "refused logins of a source in this window", "its window", "gateway"),
    # alerts
    Key(
        "incidents",
        "hash",
        "incident -> its state (JSON); `#version` counts saves and is compared by every save",
        "-",
        "alerts",
    ),
    Key("incident_history", "stream", "transitions of incidents, bounded", "-", "alerts"),
    Key("drills", "list", "restore drills, newest first (JSON), bounded", "-", "backup"),
    Key("silences", "hash", "silence -> matchers, until, by, comment (JSON)", "-", "alerts"),
    Key("outbox", "zset", "lane that holds notifications or actions -> when its head is due (ms)", "-", "alerts"),
    Key(
        "outbox:<lane>",
        "list",
        "notifications of one channel and rule, oldest first",
        "when delivered or given up",
        "alerts",
    ),
    Key(
        "outbox_leases",
        "hash",
        "lane -> who delivers its head: token, attempts, last error (JSON)",
        "with its head",
        "alerts",
    ),
    Key("outbox_dead", "list", "notifications given up with the error, newest first, bounded", "-", "alerts"),
    Key(
        "signals",
        "list",
        "samples the rules need at each evaluation of the last hours, newest first, bounded",
        "-",
        "alerts",
    ),
    Key(
        "signals_coarse", "list", "the same every ten minutes for three days, for long windows, bounded", "-", "alerts"
    ),
    Key("actions", "hash", "action -> what it changed, what stood there before, until when (JSON)", "-", "alerts"),
    Key("action_history", "stream", "actions taken and undone, bounded", "-", "alerts"),
    Key(
        "jobs", "hash", "beat job -> when it ran and when it succeeded last (unix seconds)", "-", "every scheduled job"
    ),
    Key("bundle:<action>", "string", "what a performance investigation collected (JSON)", "7 days", "alerts"),
    # everyone
    Key("beats", "zset", "beat -> when it looked at the schedule last; the silent ones are taken out", "-", "beat"),
    Key("schedule", "hash", "beat's job -> when it was sent last (unix seconds)", "-", "beat"),
    Key("lease:<job>", "string", "who runs a singleton job", "its ttl", "store"),
    Key("repairs", "stream", "what the reaper and the health job mended, bounded", "-", "health"),
)


def prefix(cell: str) -> str:
    """Return what every key of the cell starts with."""
    return f"fleet:{{{cell}}}:"


def pattern() -> re.Pattern[str]:
    """Return a pattern that matches exactly the keys of the table, any cell."""
    suffixes = "|".join(
        re.sub(r"<[^>]+>", ".+", re.escape(key.suffix).replace(r"\<", "<").replace(r"\>", ">")) for key in TABLE
    )
    return re.compile(rf"fleet:\{{[a-z0-9-]+\}}:(?:{suffixes})")


def task(cell: str, task_id: str) -> str:
    return f"{prefix(cell)}task:{task_id}"


def worker(cell: str, worker_id: str) -> str:
    return f"{prefix(cell)}worker:{worker_id}"


def audit(cell: str) -> str:
    return f"{prefix(cell)}audit"


def audit_head(cell: str) -> str:
    return f"{prefix(cell)}audit_head"


def api_key(cell: str, key_id: str) -> str:
    return f"{prefix(cell)}api_key:{key_id}"


def api_keys(cell: str) -> str:
    return f"{prefix(cell)}api_keys"


def revoked_api_keys(cell: str) -> str:
    """The channel (no key) on which the ids of revoked API keys are told."""
    return f"{prefix(cell)}revoked_api_keys"


def secret_ages(cell: str) -> str:
    return f"{prefix(cell)}secret_ages"


def login_failures(cell: str, source: str) -> str:
    return f"{prefix(cell)}login_failures:{source}"


def targets(cell: str) -> str:
    return f"{prefix(cell)}targets"


def scaling_states(cell: str) -> str:
    return f"{prefix(cell)}scaling_states"


def target_history(cell: str, pool: str) -> str:
    return f"{prefix(cell)}target_history:{pool}"


def season(cell: str, pool: str) -> str:
    return f"{prefix(cell)}season:{pool}"


def pins(cell: str) -> str:
    return f"{prefix(cell)}pins"


def floors(cell: str) -> str:
    return f"{prefix(cell)}floors"
