"""Is the fleet well, and what is it doing?"""

from __future__ import annotations

from typing import Any

from fleet.telemetry.dashboards.panels import Panel, Row, dashboard, quantile


def build() -> dict[str, Any]:
    """Return the overview dashboard."""
    return dashboard(
        "fleet", "Fleet", "Everything at a glance: incidents, work, pools, money.", (WELL, WORK, POOLS, MONEY)
    )


WELL = Row(
    "Is it well?",
    (
        Panel(
            "Open incidents",
            (('sum by (severity) (fleet_incidents{status!="pending"})', "{{severity}}"),),
            "stat",
            width=4,
            height=5,
            red_above=1,
        ),
        Panel(
            "Success rate",
            (("ai_agent_success_rate", "{{agent_type}}"),),
            "stat",
            "percentunit",
            "Last 100 outcomes of each pool.",
            5,
            5,
            red_below=0.9,
        ),
        Panel(
            "Oldest held task", (("max(fleet_queue_age_seconds)", ""),), "stat", "s", width=4, height=5, red_above=300
        ),
        Panel("Emergency mode", (("max(fleet_emergency_mode)", ""),), "stat", width=3, height=5, red_above=1),
        Panel(
            "Actions in force", (("sum by (action) (fleet_actions_active)", "{{action}}"),), "stat", width=4, height=5
        ),
        Panel("Time since beat", (("max(fleet_beat_age_seconds)", ""),), "stat", "s", width=4, height=5, red_above=180),
    ),
)
WORK = Row(
    "What is it doing?",
    (
        Panel("Tasks by state", (("sum by (state) (fleet_tasks)", "{{state}}"),), stacked=True),
        Panel(
            "Answers to submit",
            (("sum by (answer, reason) (rate(fleet_submissions_total[5m]))", "{{answer}} {{reason}}"),),
            unit="ops",
        ),
        Panel(
            "Finished tasks", (("sum by (outcome) (rate(fleet_tasks_finished_total[5m]))", "{{outcome}}"),), unit="ops"
        ),
        Panel(
            "Wait before running",
            (
                (quantile(0.5, "fleet_task_wait_seconds", "", "5m"), "median"),
                (quantile(0.99, "fleet_task_wait_seconds", "", "5m"), "p99"),
            ),
            unit="s",
            about="Due to running. Dots are traces.",
        ),
        Panel(
            "p95 response by agent type",
            (
                (
                    quantile(0.95, "ai_agent_response_time_seconds", "agent_type", "5m"),
                    "{{agent_type}}",
                ),
            ),
            unit="s",
        ),
        Panel("Held tasks", (("sum by (task_type) (fleet_held_tasks)", "{{task_type}}"),), stacked=True),
    ),
)
POOLS = Row(
    "How are the pools?",
    (
        Panel(
            "Target and ready replicas",
            (("fleet_target_replicas", "{{pool}} target"), ("fleet_ready_replicas", "{{pool}} ready")),
        ),
        Panel(
            "Busy share of slots",
            (('sum by (pool) (fleet_pool_slots{use="busy"}) / sum by (pool) (fleet_pool_slots)', "{{pool}}"),),
            unit="percentunit",
        ),
        Panel("Workers by status", (("sum by (status) (fleet_workers)", "{{status}}"),), stacked=True),
    ),
)
MONEY = Row(
    "What does it cost?",
    (
        Panel(
            "Dollars per hour",
            (("sum by (model) (rate(fleet_cost_usd_total[15m])) * 3600", "{{model}}"),),
            unit="currencyUSD",
            stacked=True,
        ),
        Panel(
            "Tokens per hour",
            (("sum by (agent_type) (rate(ai_agent_token_usage_total[15m])) * 3600", "{{agent_type}}"),),
        ),
        Panel(
            "Budgets spent", (("fleet_budget_spent_ratio", "{{budget}} {{period}}"),), unit="percentunit", red_above=1
        ),
    ),
)
