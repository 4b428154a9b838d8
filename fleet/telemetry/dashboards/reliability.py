"""Are the promises kept, and does the machinery itself hold?"""

from __future__ import annotations

from typing import Any

from fleet.telemetry.dashboards.panels import Panel, Row, dashboard, quantile

_LATE = (
    '1 - sum by (task_type) (rate(fleet_task_wait_seconds_bucket{{le="30.0"}}[{w}]))'
    " / sum by (task_type) (rate(fleet_task_wait_seconds_count[{w}]))"
)
_FAILED = (
    'sum by (task_type) (rate(fleet_tasks_finished_total{{outcome=~"failed|dead"}}[{w}]))'
    " / sum by (task_type) (rate(fleet_tasks_finished_total[{w}]))"
)


def build() -> dict[str, Any]:
    """Return the reliability dashboard."""
    return dashboard(
        "reliability",
        "Reliability",
        "Objectives and their burn, recovery, the machinery.",
        (PROMISES, RECOVERY, MACHINERY),
    )


PROMISES = Row(
    "Are the promises kept?",
    (
        Panel(
            "Started later than 30 s",
            ((_LATE.format(w="1h"), "{{task_type}} 1 h"), (_LATE.format(w="6h"), "{{task_type}} 6 h")),
            unit="percentunit",
            about="One percent is allowed; 14.4 percent for an hour pages.",
            width=12,
            red_above=0.01,
        ),
        Panel(
            "Failed",
            ((_FAILED.format(w="1h"), "{{task_type}} 1 h"), (_FAILED.format(w="6h"), "{{task_type}} 6 h")),
            unit="percentunit",
            width=12,
            red_above=0.01,
        ),
        Panel("Success rate", (("ai_agent_success_rate", "{{agent_type}}"),), unit="percentunit", red_below=0.9),
        Panel(
            "Response time p95 by complexity",
            (
                (
                    quantile(0.95, "ai_agent_response_time_seconds", "complexity", "15m"),
                    "{{complexity}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "Requests by outcome",
            (("sum by (endpoint, status) (rate(ai_agent_requests_total[5m]))", "{{endpoint}} {{status}}"),),
            unit="ops",
        ),
    ),
)
RECOVERY = Row(
    "Does it recover?",
    (
        Panel(
            "Retries",
            (("sum by (task_type, reason) (rate(fleet_retries_total[5m]))", "{{task_type}} {{reason}}"),),
            unit="ops",
        ),
        Panel("Dead letters", (("fleet_dead_letters", "{{task_type}}"),), red_above=1),
        Panel(
            "Tasks taken back from silent workers",
            (("sum by (task_type) (increase(fleet_tasks_recovered_total[15m]))", "{{task_type}}"),),
        ),
        Panel("Stale attempts turned away", (("sum by (step) (increase(fleet_fenced_total[15m]))", "{{step}}"),)),
        Panel("Ejections", (("sum by (pool) (increase(fleet_ejections_total[1h]))", "{{pool}}"),)),
        Panel("Paused", (("fleet_queue_paused", "{{queue}}"),)),
    ),
)
MACHINERY = Row(
    "Does the machinery hold?",
    (
        Panel("Broker memory", (("fleet_broker_memory_bytes", "used"),), unit="bytes"),
        Panel(
            "Broker memory of its limit", (("fleet_broker_memory_ratio", ""),), "gauge", "percentunit", red_above=0.8
        ),
        Panel("Broker clients", (("fleet_broker_clients", ""),)),
        Panel("Time since each job succeeded", (("fleet_job_age_seconds", "{{job}}"),), unit="s"),
        Panel("Failed job runs", (('sum by (job) (increase(fleet_job_runs_total{outcome="failed"}[1h]))', "{{job}}"),)),
        Panel("Secret age", (("fleet_secret_age_days", "{{secret}}"),), unit="d", red_above=180),
        Panel(
            "Notifications",
            (
                ("sum by (channel, outcome) (increase(fleet_notifications_total[1h]))", "{{channel}} {{outcome}}"),
                ("fleet_notifications_waiting", "waiting"),
                ("fleet_notifications_dead", "given up"),
            ),
        ),
        Panel("Rules that cannot see", (("fleet_alerts_blind", "{{source}}"),), red_above=1),
        Panel(
            "Gateway",
            (("sum by (route, code) (rate(fleet_gateway_requests_total[5m]))", "{{route}} {{code}}"),),
            unit="ops",
        ),
        Panel(
            "Gateway p95",
            (
                (
                    quantile(0.95, "fleet_gateway_request_seconds", "route", "5m"),
                    "{{route}}",
                ),
            ),
            unit="s",
        ),
        Panel("Broker up", (("fleet_broker_up", ""),), "stat", red_below=1),
        Panel("Dropped series", (("increase(fleet_metrics_dropped_total[1h])", ""),), "stat", red_above=1),
    ),
)
