"""Who competes in a backtest?

The fleet's own decider, called exactly as the beat job calls it, the reference threshold rule, and what people run
today: KEDA on list length, KEDA on in-flight work, HPA on utilisation, Knative's panic window.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from fleet.scaling import hpa
from fleet.scaling.caps import PoolLimits
from fleet.scaling.pool import PoolSnapshot, PoolState
from fleet.scaling.targets import DecisionSettings, decide
from fleet.simulation.scaling.pool_simulator import Controller, PoolSimulator
from fleet.simulation.scaling.pool_values import PoolShape

POOL = "pool"


@dataclass(slots=True)
class FleetController:
    """The production decider behind a tick."""

    shape: PoolShape
    settings: DecisionSettings
    service_seconds: float = 20.0
    period_seconds: float = 15.0
    memory: float = 0.02
    _square: float = 0.0
    _state: dict[str, PoolState] = field(default_factory=dict)
    _limits: dict[str, PoolLimits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._square = 2.0 * self.service_seconds**2
        self._limits = {POOL: PoolLimits(self.shape.minimum, self.shape.maximum)}

    def desired(self, pool: PoolSimulator) -> int:
        target = decide([self.snapshot(pool)], self._state, self._limits, self.settings, pool.now)[0]
        self._state[POOL] = target.state
        return target.replicas

    def snapshot(self, pool: PoolSimulator) -> PoolSnapshot:
        """Return what production would have counted."""
        counts = pool.counts
        if counts.finished:
            kept = (1.0 - self.memory) ** counts.finished
            self.service_seconds += (1.0 - kept) * (counts.service_seconds / counts.finished - self.service_seconds)
            self._square += (1.0 - kept) * (counts.service_square / counts.finished - self._square)
        return PoolSnapshot(
            pool=POOL,
            slots_per_replica=self.shape.slots_per_replica,
            ready=pool.ready,
            held=len(pool.queue),
            held_seconds=pool.queued_seconds,
            running=pool.running,
            arrived=counts.arrived,
            arrived_seconds=counts.arrived_seconds,
            arrived_square_seconds=counts.arrived_square,
            started=counts.started,
            late=counts.late,
            service_seconds=self.service_seconds,
            service_square_seconds=self._square,
            wait_goal_seconds=self.shape.wait_goal_seconds,
        )


@dataclass(slots=True)
class MetricController:
    """KEDA: a metric per replica through an HPA with default behaviour."""

    behaviour: hpa.Behaviour
    metric: Callable[[PoolSimulator], float]
    goal: float
    period_seconds: float = hpa.SYNC_SECONDS
    _memory: hpa.Memory = field(default_factory=hpa.Memory)

    def desired(self, pool: PoolSimulator) -> int:
        current = pool.ordered
        proposal = hpa.average_value(self.metric(pool), self.goal, current, self.behaviour)
        settled, self._memory = hpa.settle(proposal, current, pool.now, self._memory, self.behaviour)
        return settled


@dataclass(slots=True)
class UtilisationController:
    """HPA on the busy share of ready replicas."""

    behaviour: hpa.Behaviour
    goal: float = 0.7
    period_seconds: float = hpa.SYNC_SECONDS
    _memory: hpa.Memory = field(default_factory=hpa.Memory)

    def desired(self, pool: PoolSimulator) -> int:
        current = pool.ordered
        shares = [pool.busy[replica] / pool.shape.slots_per_replica for replica in pool.ready_replicas]
        proposal = hpa.utilisation(shares, current - len(shares), self.goal, current, self.behaviour)
        settled, self._memory = hpa.settle(proposal, current, pool.now, self._memory, self.behaviour)
        return settled


@dataclass(slots=True)
class PanicController:
    """Knative's pod autoscaler: mean concurrency over 60 s, over 6 s when that alone asks for twice what is ready."""

    shape: PoolShape
    goal: float = 0.7
    period_seconds: float = 2.0
    stable_seconds: float = 60.0
    panic_seconds: float = 6.0
    _seen: deque[int] = field(default_factory=deque)
    _panicking_until: float = -1.0
    _peak: int = 0

    def desired(self, pool: PoolSimulator) -> int:
        self._seen.append(pool.running + len(pool.queue))
        while len(self._seen) > self.stable_seconds / self.period_seconds:
            self._seen.popleft()
        recent = list(self._seen)[-int(self.panic_seconds / self.period_seconds) :]
        ready = max(pool.ready, 1)
        per_replica = self.goal * self.shape.slots_per_replica
        stable = self._rated(sum(self._seen) / len(self._seen) / per_replica, ready)
        panic = self._rated(sum(recent) / len(recent) / per_replica, ready)
        if panic / ready >= 2.0:
            self._panicking_until = pool.now + self.stable_seconds
        if pool.now < self._panicking_until:
            self._peak = max(self._peak, panic, stable, pool.ordered)
            return self._peak
        self._peak = 0
        return stable

    def _rated(self, wanted: float, ready: int) -> int:
        return max(self.shape.minimum, math.ceil(min(max(wanted, ready / 2.0 - 1e-9), ready * 1000.0)))


@dataclass(frozen=True, slots=True)
class Contender:
    """A named way to size the pool."""

    name: str
    build: Callable[[PoolShape, DecisionSettings], Controller]
    drains: bool = False
    """Whether its replicas always finish what they run, whatever the rivals' grace period."""


def _behaviour(shape: PoolShape) -> hpa.Behaviour:
    return hpa.Behaviour(max(shape.minimum, 1), shape.maximum)


def _list_length(goal: float) -> Callable[[PoolShape, DecisionSettings], Controller]:
    return lambda shape, _: MetricController(_behaviour(shape), lambda pool: float(len(pool.queue)), goal)


def _in_flight(shape: PoolShape, _: DecisionSettings) -> Controller:
    goal = 0.8 * shape.slots_per_replica
    return MetricController(_behaviour(shape), lambda pool: float(len(pool.queue) + pool.running), goal)


CONTENDERS = (
    Contender("staffing", lambda shape, settings: FleetController(shape, settings), drains=True),
    Contender("threshold", lambda shape, _: FleetController(shape, DecisionSettings(policy="threshold")), drains=True),
    Contender("keda list length 5", _list_length(5.0)),
    Contender("keda list length 10", _list_length(10.0)),
    Contender("keda in-flight 80%", _in_flight),
    Contender("hpa utilisation 70%", lambda shape, _: UtilisationController(_behaviour(shape))),
    Contender("knative panic 70%", lambda shape, _: PanicController(shape)),
)


def variant(name: str, settings: DecisionSettings) -> Contender:
    """Return the fleet's decider with other settings, as a contender of its own."""
    return Contender(f"fleet, {name}", lambda shape, _: FleetController(shape, settings), drains=True)
