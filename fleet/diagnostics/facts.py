"""What is there to be judged? Values only; None means that nobody could look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.catalogue import Catalogue
from fleet.costs.budgets import Budget
from fleet.dispatcher.stranded import Stranded
from fleet.registry.roster import WorkerRecord
from fleet.scaling.nodes import Node
from fleet.settings import Settings


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """The store's own account of itself."""

    ping_seconds: float
    clock_skew_seconds: float
    info: Mapping[str, Any]
    policy: str | None
    append_only: bool | None
    has_password: bool


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """Recent work: ended tasks of the last hour."""

    ended: int
    failed: int
    mean_seconds: float
    longest_limit_seconds: float


@dataclass(frozen=True, slots=True)
class HostFacts:
    """This machine; shares from 0 to 1."""

    cpu: float
    memory: float
    disk: float


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What the Kubernetes API says about the fleet's namespace."""

    namespace: str
    pods: tuple[Mapping[str, Any], ...]
    network_policies: tuple[str, ...] | None
    """None: this login may not list them."""
    second_owners: tuple[str, ...]
    nodes: tuple[Node, ...] = ()
    list_triggers: tuple[str, ...] = ()
    """Scaled objects that look at the length of a Redis list."""
    grace: Mapping[str, float] = field(default_factory=dict)
    """pool -> seconds its pods get to finish."""
    hidden: tuple[str, ...] = ()
    """Parts the API did not show, and why."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything gathered."""

    settings: Settings
    catalogue: Catalogue
    broker: BrokerFacts | None = None
    workers: tuple[WorkerRecord, ...] | None = None
    pools: tuple[Any, ...] | None = None
    stranded: tuple[Stranded, ...] | None = None
    """Held tasks nobody can take."""
    dead_letters: int | None = None
    work: WorkFacts | None = None
    job_ages: Mapping[str, float] | None = None
    beats: tuple[str, ...] | None = None
    """Who looks at the schedule."""
    target_ages: Mapping[str, float] | None = None
    budgets: tuple[Budget, ...] | None = None
    """Every budget in force."""
    fills: tuple[Any, ...] | None = None
    secret_ages: tuple[Any, ...] | None = None
    host: HostFacts | None = None
    cluster: ClusterFacts | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
