"""What can be seen of a fleet: pools, workers, money, incidents, the audit log?"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from fleet.gateway.schemas.words import Given


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


class CostsGiven(Given):
    budgets: list[dict[str, Any]]
    report: dict[str, Any] | None
    """The cost job's last analysis."""


class IncidentsGiven(Given):
    incidents: list[dict[str, Any]]


class AuditGiven(Given):
    entries: list[dict[str, Any]]
