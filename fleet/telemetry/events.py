"""Which log events exist?

Names are stable: dashboards and runbooks search for them. A line says what happened; its fields say with which values;
`next_step` says what an operator can do, where there is something to do.
"""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """`<noun>_<past verb>`, with the glossary's nouns."""

    # tasks
    TASK_ACCEPTED = "task_accepted"
    TASK_DEFERRED = "task_deferred"
    TASK_REFUSED = "task_refused"
    TASK_RELEASED = "task_released"
    TASK_STARTED = "task_started"
    TASK_FINISHED = "task_finished"
    TASK_RETRIED = "task_retried"
    TASK_DIED = "task_died"
    TASK_CANCELLED = "task_cancelled"
    TASK_RECOVERED = "task_recovered"
    ATTEMPT_FENCED = "attempt_fenced"
    # workers and pools
    WORKER_REGISTERED = "worker_registered"
    WORKER_LEFT = "worker_left"
    WORKER_LOST = "worker_lost"
    WORKER_DRAINED = "worker_drained"
    WORKER_GHOSTED = "worker_ghosted"
    HEARTBEAT_FAILED = "heartbeat_failed"
    POOL_EJECTED = "pool_ejected"
    POOL_PAUSED = "pool_paused"
    POOL_RESUMED = "pool_resumed"
    # scaling
    TARGET_PUBLISHED = "target_published"
    TARGET_BOUND = "target_bound"
    REPLICA_STARTED = "replica_started"
    REPLICA_STOPPED = "replica_stopped"
    CERTIFICATE_RENEWED = "certificate_renewed"
    CERTIFICATE_UNREADABLE = "certificate_unreadable"
    # money
    CALL_RECORDED = "call_recorded"
    BUDGET_THRESHOLD_REACHED = "budget_threshold_reached"
    MODEL_DOWNGRADED = "model_downgraded"
    # secrets
    SECRET_READ = "secret_read"
    SECRET_ROTATED = "secret_rotated"
    # alerts
    INCIDENT_OPENED = "incident_opened"
    INCIDENT_FIRED = "incident_fired"
    INCIDENT_ACKNOWLEDGED = "incident_acknowledged"
    INCIDENT_RESOLVED = "incident_resolved"
    NOTIFICATION_DELIVERED = "notification_delivered"
    NOTIFICATION_POSTPONED = "notification_postponed"
    NOTIFICATION_GIVEN_UP = "notification_given_up"
    ACTION_TAKEN = "action_taken"
    ACTION_UNDONE = "action_undone"
    ACTION_FAILED = "action_failed"
    SIGNAL_MISSING = "signal_missing"
    # machinery
    JOB_FINISHED = "job_finished"
    JOB_FAILED = "job_failed"
    STORE_UNAVAILABLE = "store_unavailable"
    REQUEST_ANSWERED = "request_answered"
    REVOCATIONS_UNHEARD = "revocations_unheard"
    TRACING_STARTED = "tracing_started"
    PROGRAM_STARTED = "program_started"
    PROGRAM_STOPPED = "program_stopped"
