"""Which numbers does a report know? Values only; None means that nobody could look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fleet.settings import ReportSettings
from fleet.simulation.planning.outlook import Outlook

Span = Literal["daily", "weekly", "monthly"]
SECONDS: Mapping[Span, float] = {"daily": 86_400.0, "weekly": 7 * 86_400.0, "monthly": 30 * 86_400.0}


@dataclass(frozen=True, slots=True)
class Work:
    """Tasks that ended in a period; `complete` is false where the bounded history does not reach its beginning."""

    ended: int
    failed: int
    mean_seconds: float | None
    p95_seconds: float | None
    started: int
    late: int
    by_type: Mapping[str, tuple[int, int]]
    complete: bool = True

    @property
    def error_rate(self) -> float | None:
        return self.failed / self.ended if self.ended else None

    @property
    def late_share(self) -> float | None:
        return self.late / self.started if self.started else None


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time and what was recorded in it."""

    start: float
    end: float
    work: Work
    spent_micros: int
    spent_by_type: Mapping[str, int]
    incidents: Sequence[Mapping[str, object]]
    failed_logins: int


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool's size over the period, from the targets' history."""

    name: str
    lowest: int
    highest: int
    changes: int
    latest: int
    limited_by: Mapping[str, int]
    """binding limit -> how many targets it decided"""
    points: Sequence[tuple[float, int, int]] = ()
    """(when, target, ready)"""
    started: int = 0
    late: int = 0
    """Tasks of the period that started here, and those of them that had waited longer than the goal."""


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """A kept `fleet plan`: of which month, when it was made, in which file, and what it proposes."""

    month: str
    made_at: float
    page: str
    proposals: Sequence[str]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine; shares from 0 to 1 that are in use, None where nobody said."""

    name: str
    cpu: float | None
    memory: float | None


@dataclass(frozen=True, slots=True)
class Machines:
    """What the fleet runs on: what they are, and who said how full they are."""

    what: str
    source: str
    found: Sequence[Machine]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a report is made of."""

    span: Span
    cell: str
    now: Period
    before: Period
    hourly: Sequence[tuple[float, int, int]]
    """(when, tasks ended, failed)"""
    workers: Mapping[str, int]
    machines: Machines
    budgets: Sequence[tuple[str, float]]
    anomalies: Sequence[str]
    projection_usd: tuple[float, float, float] | None
    suggestions: Sequence[str]
    secrets: Mapping[str, str] | None
    """Secret -> its age's verdict; None where there is nothing that keeps ages."""
    pools: Sequence[Pool]
    wait_goal_seconds: float
    violation_share: float
    goals: ReportSettings = field(default_factory=ReportSettings)
    drills: Sequence[Mapping[str, Any]] = ()
    """Restores rehearsed in the period, newest first: at, made_at (of the backup), ok, seconds."""
    last_day: Work | None = None
    """The period's last 24 hours, for how fast the error budget burns now."""
    secrets_unseen: str = ""
    """Why the ages of Kubernetes Secrets are not among `secrets`, in a cluster."""
    plan: PlanFacts | None = None
    """The newest kept plan."""
    forecasts: Mapping[str, Outlook] = field(default_factory=dict)
    """Pool -> its next month in tasks; a pool with less than three whole days of history has none."""
