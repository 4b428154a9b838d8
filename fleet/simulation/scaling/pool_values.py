"""What is simulated of a pool, and what comes out?"""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.simulation.scaling.workload import Floats


@dataclass(frozen=True, slots=True)
class PoolShape:
    """The pool that is simulated."""

    slots_per_replica: int = 4
    minimum: int = 1
    maximum: int = 1000
    startup_seconds: tuple[float, float] = (30.0, 60.0)
    price_per_replica_hour_usd: float = 1.0
    wait_goal_seconds: float = 30.0


@dataclass(slots=True)
class Counts:
    """What was counted since the controller last looked."""

    arrived: int = 0
    arrived_seconds: float = 0.0
    arrived_square: float = 0.0
    started: int = 0
    late: int = 0
    finished: int = 0
    service_seconds: float = 0.0
    service_square: float = 0.0


@dataclass(frozen=True, slots=True)
class Leave:
    """How replicas leave."""

    idlest_first: bool = True
    kill_after_seconds: float | None = None
    """None drains: a replica leaves when its last task is done."""


@dataclass(slots=True)
class Samples:
    """The pool at each tick, for plots."""

    times: list[float] = field(default_factory=list)
    ordered: list[int] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    queued: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the run cost and what its tasks experienced."""

    waits: Floats
    responses: Floats
    replica_seconds: float
    killed: int
    cut_at_30_seconds: int
    """Tasks still running 30 s after their replica was told to leave: what a default grace period would have killed."""
    resizes: int
    samples: Samples
