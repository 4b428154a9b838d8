"""Which pairs of dispatching and scaling compete end to end?"""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.catalogue.declaration import AgentType, Catalogue, Pool, TaskType
from fleet.scaling import hpa
from fleet.scaling.caps import PoolLimits
from fleet.scaling.pool import PoolState
from fleet.scaling.snapshot import Gathered, Sums, snapshots
from fleet.scaling.targets import DecisionSettings, decide
from fleet.simulation.fleets import SimulatedFleet
from fleet.simulation.scaling.fleet_simulator import ElasticFleet


def catalogue_of(fleet: SimulatedFleet, slots_per_replica: int, maximum: int) -> Catalogue:
    """Return the declaration an operator would write for a simulated fleet."""
    able = {
        pool.name: tuple(
            kind.name
            for row, kind in enumerate(fleet.types)
            if fleet.seconds[row, column] == fleet.seconds[row, column]
        )
        for column, pool in enumerate(fleet.pools)
    }
    return Catalogue(
        agent_types={name: AgentType(name=name, module="simulated", runs=runs) for name, runs in able.items()},
        task_types={kind.name: TaskType(name=kind.name, expected_seconds=kind.mean_seconds) for kind in fleet.types},
        pools={
            pool.name: Pool(
                name=pool.name,
                agent_type=pool.name,
                slots=slots_per_replica,
                max_replicas=maximum,
                price_per_replica_hour_usd=pool.price_per_slot_hour * slots_per_replica,
            )
            for pool in fleet.pools
        },
        compatibility={},
    )


@dataclass(slots=True)
class Staffed:
    """The production tick over every pool: the same snapshots, the same decision."""

    settings: DecisionSettings
    speed_or_price: float = 0.0
    """The knob the dispatcher is given as well."""
    minimum: int = 1
    maximum: int = 200
    period_seconds: float = 15.0
    _states: dict[str, PoolState] = field(default_factory=dict)
    _counters: dict[str, dict[str, float]] = field(default_factory=dict)
    _catalogue: Catalogue | None = None

    def desired(self, now: float, fleet: ElasticFleet) -> list[int]:
        spec = fleet.workload.fleet
        if self._catalogue is None:
            self._catalogue = catalogue_of(spec, fleet.slots_per_replica, self.maximum)
        seen, self._counters = snapshots(
            _gathered(fleet, self.speed_or_price), self._catalogue, self._counters, {}, fleet.goal
        )
        limits = {pool.name: PoolLimits(self.minimum, self.maximum) for pool in spec.pools}
        targets = decide(seen, self._states, limits, self.settings, now)
        self._states = {target.pool: target.state for target in targets}
        return [target.replicas for target in targets]


@dataclass(slots=True)
class PerPoolMetric:
    """KEDA per pool: list length, or in-flight work, through an HPA with default behaviour."""

    goal: float
    in_flight: bool
    period_seconds: float = hpa.SYNC_SECONDS
    behaviour: hpa.Behaviour = field(default_factory=lambda: hpa.Behaviour(1, 200))
    _memory: dict[int, hpa.Memory] = field(default_factory=dict)

    def desired(self, now: float, fleet: ElasticFleet) -> list[int]:
        sizes = []
        for pool, book in enumerate(fleet.books):
            metric = float(len(book.queue) + (book.running if self.in_flight else 0))
            current = book.ordered
            proposal = hpa.average_value(metric, self.goal, current, self.behaviour)
            size, self._memory[pool] = hpa.settle(
                proposal, current, now, self._memory.get(pool, hpa.Memory()), self.behaviour
            )
            sizes.append(size)
        return sizes


def _gathered(fleet: ElasticFleet, speed_or_price: float) -> Gathered:
    spec = fleet.workload.fleet
    names = [pool.name for pool in spec.pools]
    books = dict(zip(names, fleet.books, strict=True))
    sums: dict[str, Sums] = {
        name: {
            "started": book.started,
            "seconds": book.seconds,
            "squares": book.squares,
            "late": book.late,
            "waited": book.waited,
        }
        for name, book in books.items()
    }
    return Gathered(
        sums=sums,
        service={name: (book.service, book.square) for name, book in books.items() if book.served},
        in_flight={name: book.running + len(book.queue) for name, book in books.items()},
        slots={name: fleet.slots(index) for index, name in enumerate(names)},
        closed=frozenset(),
        held={kind.name: int(held) for kind, held in zip(spec.types, fleet.held, strict=True)},
        costs={
            kind.name: {
                name: float(spec.seconds[row, column] / spec.success[row, column])
                * (1.0 + speed_or_price * spec.pools[column].price_per_slot_hour)
                for column, name in enumerate(names)
                if spec.seconds[row, column] == spec.seconds[row, column]
            }
            for row, kind in enumerate(spec.types)
        },
        sizes={kind.name: kind.mean_seconds for kind in spec.types},
        speed_or_price=speed_or_price,
    )
