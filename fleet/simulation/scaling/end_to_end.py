"""What do dispatch and scaling cost and deliver together, against what people run today?

Four unlike pools, four task types, a day with its swing and bursts. Every system meets the same tasks, sizes and
luck; only who places tasks and who sizes pools differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from fleet.scaling.targets import DecisionSettings
from fleet.simulation.contestants import AT_POOLS, contestant_named, estimate
from fleet.simulation.dispatchers import LateBinding
from fleet.simulation.fleets import unequal_pools
from fleet.simulation.scaling.fleet_contenders import PerPoolMetric, Staffed
from fleet.simulation.scaling.fleet_simulator import (
    ElasticDispatcher,
    ElasticFleet,
    FleetController,
    FleetOutcome,
)
from fleet.simulation.scaling.workload import diurnal
from fleet.simulation.workload import Workload, assemble

SLOTS_PER_REPLICA = 4
SIZE_ERROR = 0.5
REFERENCE = "ai_optimized + threshold"


@dataclass(frozen=True, slots=True)
class System:
    """A way to place tasks and a way to size pools."""

    name: str
    dispatcher: Callable[[Workload], ElasticDispatcher]
    controller: Callable[[], FleetController]


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One system on one day."""

    system: str
    wait_p99_seconds: float
    within_10_seconds: float
    within_30_seconds: float
    response_mean_seconds: float
    response_p99_seconds: float
    dollars: float
    replica_hours: float
    succeeded: float
    killed: int


def day(seed: int, rate: float = 1.75, days: float = 1.0) -> Workload:
    """Return the workload: four task types on four unlike pools of one-replica minimum."""
    fleet = unequal_pools()
    small = tuple(replace(pool, slots=SLOTS_PER_REPLICA) for pool in fleet.pools)
    arrivals = diurnal(seed, rate=rate, days=days).arrivals
    return assemble("end to end", replace(fleet, pools=small), arrivals, np.random.default_rng(seed))


def systems() -> tuple[System, ...]:
    """Return who competes; early-binding strategies place on arrival, as Celery routing does."""
    threshold = DecisionSettings(policy="threshold")
    early = ("round_robin", "least_connections", "weighted_round_robin", "ai_optimized")
    return (
        *(System(f"{name} + threshold", _early(name), lambda: Staffed(threshold)) for name in early),
        System(
            "ai_optimized + keda list length 5", _early("ai_optimized"), lambda: PerPoolMetric(5.0, in_flight=False)
        ),
        System(
            "ai_optimized + keda in-flight 80%",
            _early("ai_optimized"),
            lambda: PerPoolMetric(0.8 * SLOTS_PER_REPLICA, in_flight=True),
        ),
        *(
            System(
                f"late_binding (price {kappa:g}) + staffing", _late(kappa), partial(Staffed, DecisionSettings(), kappa)
            )
            for kappa in (0.0, 0.5, 2.0, 6.0)
        ),
    )


def play(workload: Workload, system: System, seed: int = 0) -> FleetRow:
    """Run one system through the day."""
    fleet = ElasticFleet(workload, system.dispatcher(workload), SLOTS_PER_REPLICA, seed=seed)
    return _row(system.name, fleet.run(system.controller()))


def against(rows: Sequence[FleetRow], reference: str = REFERENCE) -> dict[str, dict[str, float]]:
    """Return dollars, violations and mean response of every system as multiples of the reference's."""
    base = next(row for row in rows if row.system == reference)
    return {
        row.system: {
            "dollars": row.dollars / base.dollars,
            "violations": (1.0 - row.within_30_seconds) / max(1.0 - base.within_30_seconds, 1e-9),
            "response": row.response_mean_seconds / base.response_mean_seconds,
        }
        for row in rows
    }


def _early(name: str) -> Callable[[Workload], ElasticDispatcher]:
    def build(workload: Workload) -> ElasticDispatcher:
        return contestant_named(f"{name}{AT_POOLS}")(workload, SIZE_ERROR)  # type: ignore[return-value]

    return build


def _late(kappa: float) -> Callable[[Workload], ElasticDispatcher]:
    return lambda workload: LateBinding(workload, estimate(workload, SIZE_ERROR), kappa=kappa)


def _row(name: str, outcome: FleetOutcome) -> FleetRow:
    return FleetRow(
        system=name,
        wait_p99_seconds=float(np.quantile(outcome.wait, 0.99)),
        within_10_seconds=float(np.mean(outcome.wait <= 10.0)),
        within_30_seconds=float(np.mean(outcome.wait <= 30.0)),
        response_mean_seconds=float(outcome.response.mean()),
        response_p99_seconds=float(np.quantile(outcome.response, 0.99)),
        dollars=outcome.dollars,
        replica_hours=float(outcome.replica_seconds.sum() / 3600.0),
        succeeded=float(outcome.succeeded.mean()),
        killed=outcome.killed,
    )
