"""How is one pool, and why does it have the size it has?"""

from __future__ import annotations

from typing import Any

from fleet.telemetry.dashboards.panels import Panel, Row, dashboard, quantile

POOL = 'pool=~"$pool"'


def build() -> dict[str, Any]:
    """Return the pool dashboard."""
    variables = (("pool", "label_values(fleet_pool_slots, pool)"),)
    return dashboard("pool", "Pool", "Size, load and outcomes of the chosen pools.", (SIZE, LOAD, OUTCOMES), variables)


SIZE = Row(
    "Why this size?",
    (
        Panel(
            "Target, ready, floor",
            (
                (f"fleet_target_replicas{{{POOL}}}", "{{pool}} target"),
                (f"fleet_ready_replicas{{{POOL}}}", "{{pool}} ready"),
                (f"fleet_target_floor{{{POOL}}}", "{{pool}} floor"),
            ),
        ),
        Panel(
            "Limit that binds",
            ((f"sum by (pool, limit) (fleet_target_binding{{{POOL}}})", "{{pool}} {{limit}}"),),
            stacked=True,
        ),
        Panel("Age of the target", ((f"fleet_target_age_seconds{{{POOL}}}", "{{pool}}"),), unit="s", red_above=120),
    ),
)
LOAD = Row(
    "How loaded?",
    (
        Panel("Slots", ((f"sum by (pool, use) (fleet_pool_slots{{{POOL}}})", "{{pool}} {{use}}"),), stacked=True),
        Panel("Waiting for the pool", ((f"ai_agent_queue_length{{{POOL}}}", "{{pool}}"),)),
        Panel(
            "Load of single workers",
            (("topk(20, ai_agent_load)", "{{agent_id}}"),),
            unit="percentunit",
            about="The twenty busiest of the fleet.",
        ),
        Panel("Oldest heartbeat", ((f"fleet_heartbeat_age_seconds{{{POOL}}}", "{{pool}}"),), unit="s", red_above=6),
        Panel(
            "Workers by status",
            ((f"sum by (pool, status) (fleet_workers{{{POOL}}})", "{{pool}} {{status}}"),),
            stacked=True,
        ),
        Panel("Ghost workers", ((f"fleet_ghost_workers{{{POOL}}}", "{{pool}}"),), red_above=1),
    ),
)
OUTCOMES = Row(
    "What comes out?",
    (
        Panel(
            "Outcomes",
            ((f"sum by (pool, outcome) (rate(fleet_tasks_finished_total{{{POOL}}}[5m]))", "{{pool}} {{outcome}}"),),
            unit="ops",
        ),
        Panel(
            "Run time p50 and p95",
            (
                (
                    quantile(0.5, "ai_task_duration_seconds", "pool", "5m", POOL),
                    "{{pool}} p50",
                ),
                (
                    quantile(0.95, "ai_task_duration_seconds", "pool", "5m", POOL),
                    "{{pool}} p95",
                ),
            ),
            unit="s",
        ),
        Panel(
            "Why chosen",
            ((f"sum by (pool, strategy) (rate(fleet_decisions_total{{{POOL}}}[5m]))", "{{pool}} {{strategy}}"),),
            unit="ops",
        ),
        Panel("Ejected", ((f"fleet_pool_ejected{{{POOL}}}", "{{pool}}"),), red_above=1),
        Panel(
            "Lost leases and recovered tasks",
            (
                (f"sum by (pool) (increase(fleet_leases_expired_total{{{POOL}}}[15m]))", "{{pool}} leases"),
                (f"sum by (pool) (increase(fleet_tasks_recovered_total{{{POOL}}}[15m]))", "{{pool}} tasks"),
            ),
        ),
    ),
)
