"""What does a scaling decision know about a pool?

The snapshot is what was counted since the previous tick, the state what the decider itself remembers between ticks.
Both are plain values, so a decision can be stored with its inputs, replayed and explained.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolSnapshot:
    """One pool at one tick. Seconds are seconds of work for one of the pool's slots."""

    pool: str
    slots_per_replica: int
    ready: int
    """Replicas that take tasks."""
    held: int = 0
    """Tasks held centrally and attributed to this pool."""
    held_seconds: float = 0.0
    released: int = 0
    """Tasks in the pool's queue that no worker has claimed."""
    running: int = 0
    arrived: int = 0
    """Tasks that arrived since the previous tick."""
    arrived_seconds: float = 0.0
    """Their predicted work."""
    arrived_square_seconds: float = 0.0
    """Sum of the squares of their predicted work."""
    started: int = 0
    """Tasks that started since the previous tick."""
    late: int = 0
    """Those of them that had waited longer than the pool's goal."""
    service_seconds: float = 1.0
    """Mean service time."""
    service_square_seconds: float = 2.0
    """Mean of the squared service time."""
    wait_goal_seconds: float = 30.0
    wait_seconds: float = 0.0
    """Mean wait of the tasks that started since the previous tick."""
    group: str = ""
    """Pools of one group can take each other's work; empty: alone."""
    flexible: float = 0.0
    """Share of this pool's work that others of its group could do."""
    seasonal_load: float | None = None
    """Load (busy slots) history expects for now plus the start-up time."""

    @property
    def work(self) -> int:
        """Tasks held, released or running: while there are any, the pool must not vanish."""
        return self.held + self.released + self.running

    @property
    def backlog_seconds(self) -> float:
        """Slot-seconds of work that has not started."""
        return self.held_seconds + self.released * self.service_seconds


@dataclass(frozen=True, slots=True)
class PoolState:
    """What the deciders remember of a pool from tick to tick."""

    pool: str
    at: float | None = None
    """When the previous decision was made."""
    loads: tuple[float, ...] = ()
    """Load offered in each of the last ticks, newest last, in busy slots."""
    size_seconds: float = 0.0
    """Mean predicted work of a task (0: none seen yet)."""
    size_square_seconds: float = 0.0
    headroom: float = 1.0
    """The factor that violations calibrate."""
    needs: tuple[int, ...] = ()
    """Unbounded needs of the last ticks, newest last."""
    replicas: int = 0
    """The previous target."""
    cold: bool = False
    """Whether the pool is on its way up from zero: its late tasks waited for a start, which no headroom prevents."""
    stepped_at: float | None = None
    """When the threshold rule last looked."""


@dataclass(frozen=True, slots=True)
class Need:
    """How many replicas a policy asks for before any limit, and why."""

    replicas: int
    reason: str
    inputs: dict[str, float]
    state: PoolState
