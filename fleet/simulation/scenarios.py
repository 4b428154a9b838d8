"""Which named workloads are there to compare strategies on?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from fleet.errors import UnknownName
from fleet.simulation.fleets import equal_pools, unequal_pools
from fleet.simulation.workload import Fault, Workload, diurnal, modulated, poisson, tenant_burst, with_faults

Scenario = Callable[[float, int, int], Workload]
"""(load, tasks, seed) -> workload."""

FAULT_SECONDS = 900.0
STANDARD, PREMIUM = 1, 0


def _faulty(load: float, tasks: int, seed: int, pool: int, **fault: float) -> Workload:
    calm = poisson(unequal_pools(), load, tasks, seed)
    start = float(calm.arrival[len(calm) // 4])
    return with_faults(calm, Fault(pool, start, start + FAULT_SECONDS, **fault))


SCENARIOS: Mapping[str, Scenario] = MappingProxyType({
    "poisson": lambda load, tasks, seed: poisson(unequal_pools(), load, tasks, seed),
    "modulated": lambda load, tasks, seed: modulated(unequal_pools(), load, tasks, seed),
    "diurnal": lambda load, tasks, seed: diurnal(unequal_pools(), load, tasks, seed),
    "equal_pools": lambda load, tasks, seed: poisson(equal_pools(), load, tasks, seed, "equal_pools"),
    "tenant_burst": lambda load, tasks, seed: tenant_burst(unequal_pools(), load, tasks, seed),
    "slow_pool": lambda load, tasks, seed: _faulty(load, tasks, seed, STANDARD, slower=6.0),
    "failing_pool": lambda load, tasks, seed: _faulty(load, tasks, seed, PREMIUM, fails_after=0.2),
    "flaky_pool": lambda load, tasks, seed: _faulty(load, tasks, seed, STANDARD, error_share=0.5),
})  # fmt: skip


def scenario_named(name: str) -> Scenario:
    """Return the generator of this name."""
    if name not in SCENARIOS:
        raise UnknownName("workload", name, SCENARIOS)
    return SCENARIOS[name]
