"""Where does the money go, and does it last?"""

from __future__ import annotations

from typing import Any

from fleet.telemetry.dashboards.panels import Panel, Row, dashboard, quantile


def build() -> dict[str, Any]:
    """Return the cost dashboard."""
    return dashboard("cost", "Cost", "Spending by model and agent type, budgets, tokens.", (SPENDING, BUDGETS, CALLS))


SPENDING = Row(
    "Where does it go?",
    (
        Panel(
            "Last 24 hours",
            (("sum(increase(fleet_cost_usd_total[1d]))", ""),),
            "stat",
            "currencyUSD",
            width=4,
            height=5,
        ),
        Panel(
            "Last hour", (("sum(increase(fleet_cost_usd_total[1h]))", ""),), "stat", "currencyUSD", width=4, height=5
        ),
        Panel(
            "Projected month",
            (("sum(rate(fleet_cost_usd_total[1d])) * 2592000", ""),),
            "stat",
            "currencyUSD",
            "At the pace of the last day.",
            4,
            5,
        ),
        Panel(
            "Per successful task",
            (('sum(rate(fleet_cost_usd_total[1h])) / sum(rate(fleet_tasks_finished_total{outcome="done"}[1h]))', ""),),
            "stat",
            "currencyUSD",
            width=4,
            height=5,
        ),
        Panel(
            "Dollars per hour by model",
            (("sum by (model) (rate(fleet_cost_usd_total[15m])) * 3600", "{{model}}"),),
            unit="currencyUSD",
            width=12,
            stacked=True,
        ),
        Panel(
            "Dollars per hour by agent type",
            (("sum by (agent_type) (rate(fleet_cost_usd_total[15m])) * 3600", "{{agent_type}}"),),
            unit="currencyUSD",
            width=12,
            stacked=True,
        ),
    ),
)
BUDGETS = Row(
    "Does it last?",
    (
        Panel(
            "Spent",
            (("fleet_budget_spent_ratio", "{{budget}} {{period}}"),),
            "gauge",
            "percentunit",
            red_above=0.8,
            width=12,
        ),
        Panel("Limits", (("fleet_budget_limit_usd", "{{budget}} {{period}}"),), unit="currencyUSD", width=6),
        Panel(
            "Reserved by running tasks",
            (("fleet_budget_reserved_usd", "{{budget}} {{period}}"),),
            unit="currencyUSD",
            width=6,
        ),
        Panel(
            "Refused or deferred for money",
            (
                (
                    'sum by (task_type, answer) (rate(fleet_submissions_total{reason="budget"}[15m]))',
                    "{{task_type}} {{answer}}",
                ),
            ),
            unit="ops",
            width=12,
        ),
        Panel(
            "Refused or deferred by rate limits",
            (
                (
                    'sum by (task_type, answer) (rate(fleet_submissions_total{reason="rate_limit"}[15m]))',
                    "{{task_type}} {{answer}}",
                ),
            ),
            unit="ops",
            width=12,
        ),
    ),
)
CALLS = Row(
    "What is bought?",
    (
        Panel(
            "Tokens per hour",
            (("sum by (model) (rate(ai_agent_token_usage_total[15m])) * 3600", "{{model}}"),),
            stacked=True,
        ),
        Panel(
            "Calls",
            (("sum by (model, outcome) (rate(fleet_llm_calls_total[5m]))", "{{model}} {{outcome}}"),),
            unit="ops",
        ),
        Panel(
            "Call time p95",
            ((quantile(0.95, "fleet_llm_call_seconds", "model", "5m"), "{{model}}"),),
            unit="s",
        ),
    ),
)
