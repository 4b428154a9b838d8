"""Does the simulator agree with queueing theory, and does scale-in keep its promises?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.scaling import erlang
from fleet.simulation.scaling.pool_simulator import PoolSimulator, Stuck
from fleet.simulation.scaling.pool_values import Leave, PoolShape
from fleet.simulation.scaling.workload import ServiceTimes, Workload, from_arrivals

ROOMY = PoolShape(slots_per_replica=1, minimum=1, maximum=1000, startup_seconds=(0.0, 0.0))


@dataclass(slots=True)
class Fixed:
    """Always the same size."""

    replicas: int
    period_seconds: float = 60.0

    def desired(self, _pool: PoolSimulator) -> int:
        return self.replicas


@dataclass(slots=True)
class Swinging:
    """Up and down, whatever the load."""

    sizes: list[int]
    period_seconds: float = 30.0
    _next: int = 0

    def desired(self, _pool: PoolSimulator) -> int:
        self._next += 1
        return self.sizes[self._next % len(self.sizes)]


def poisson(seed: int, rate: float, tasks: int, mean: float = 1.0) -> Workload:
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1.0 / rate, tasks))
    services = rng.exponential(mean, tasks)
    return from_arrivals("poisson", arrivals, rng, f"seed {seed}", ServiceTimes(mean), services)


@pytest.mark.parametrize(("slots", "load"), [(4, 3.2), (20, 17.0)])
def test_mean_wait_agrees_with_erlang_c(slots: int, load: float) -> None:
    waits = []
    for seed in range(3):
        shape = PoolShape(slots, 1, 1, (0.0, 0.0))
        waits.append(PoolSimulator(poisson(seed, load, 200_000), shape).run(Fixed(1)).waits[2_000:].mean())
    theory = float(erlang.waiting(slots, load)) / (slots - load)
    assert np.mean(waits) == pytest.approx(theory, rel=0.05)


def test_replicas_are_paid_from_creation_to_departure() -> None:
    work = from_arrivals("one", np.asarray([0.0]), np.random.default_rng(0), "", ServiceTimes(), np.asarray([600.0]))
    outcome = PoolSimulator(work, PoolShape(1, 1, 9, (30.0, 30.0))).run(Fixed(3))
    assert outcome.replica_seconds == pytest.approx(600.0 + 2 * 540.0)


def test_a_replica_that_starts_takes_its_start_up_time() -> None:
    work = from_arrivals("two", np.asarray([0.0, 0.0]), np.random.default_rng(0), "", ServiceTimes(), np.full(2, 500.0))
    outcome = PoolSimulator(work, PoolShape(1, 1, 9, (45.0, 45.0))).run(Fixed(2))
    assert sorted(outcome.waits) == [0.0, 105.0]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(1, 12), min_size=1, max_size=8), idlest=st.booleans())
def test_draining_never_kills_and_finishes_everything(seed: int, sizes: list[int], idlest: bool) -> None:
    work = poisson(seed, 0.5, 300, 20.0)
    outcome = PoolSimulator(work, PoolShape(2, 1, 12, (5.0, 40.0)), Leave(idlest), seed).run(Swinging(sizes))
    assert outcome.killed == 0
    assert np.all(outcome.waits >= 0.0)
    assert np.allclose(outcome.responses, outcome.waits + work.services)


def test_a_controller_that_never_serves_is_found_out() -> None:
    with pytest.raises(Stuck, match="1 tasks still wait 30 days"):
        PoolSimulator(poisson(1, 0.5, 1), PoolShape(minimum=0)).run(Fixed(0, 3600.0))


def test_killing_repeats_work_and_loses_none() -> None:
    work = poisson(3, 0.5, 400, 20.0)
    outcome = PoolSimulator(work, PoolShape(2, 1, 60, (5.0, 5.0)), Leave(False, 10.0), 3).run(Swinging([15] * 6 + [5]))
    assert outcome.killed > 0
    assert np.all(outcome.responses >= work.services - 1e-9)


def test_idlest_first_cuts_fewer_tasks_than_chance() -> None:
    work = poisson(5, 0.6, 600, 60.0)
    shape, swing = PoolShape(2, 1, 60, (5.0, 5.0)), [40, 25, 40, 30]
    chosen = PoolSimulator(work, shape, Leave(True), 5).run(Swinging(swing)).cut_at_30_seconds
    random = PoolSimulator(work, shape, Leave(False), 5).run(Swinging(swing)).cut_at_30_seconds
    assert chosen < random
