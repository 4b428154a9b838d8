"""Does the event loop keep its books whatever the dispatcher, the tasks and the faults?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.simulation.contestants import contestants
from fleet.simulation.dispatchers import LateBinding, clairvoyant
from fleet.simulation.engine import simulate
from fleet.simulation.fleets import equal_pools, unequal_pools
from fleet.simulation.results import summarise
from fleet.simulation.workload import MAX_ATTEMPTS, Fault, poisson, tenant_burst, with_faults

FAULTS = st.lists(
    st.builds(
        lambda pool, start, length, slower, fails, share: Fault(pool, start, start + length, slower, fails, share),
        st.integers(0, 3), st.floats(0, 60), st.floats(1, 60), st.floats(1, 20), st.none() | st.just(0.2),
        st.floats(0, 0.9),
    ),
    max_size=2,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(contestants())), st.integers(0, 1000), st.floats(0.3, 1.4), FAULTS)
def test_every_task_ends_once_and_no_pool_exceeds_its_slots(
    name: str, seed: int, load: float, faults: list[Fault]
) -> None:
    workload = with_faults(poisson(unequal_pools(), load, 120, seed), *faults)
    run = simulate(workload, contestants()[name](workload, 0.5))
    assert (run.wait >= 0).all()
    assert (run.response >= run.wait).all()
    assert ((run.attempts >= 1) & (run.attempts <= MAX_ATTEMPTS)).all()
    assert ((run.succeeded == 1) | (run.attempts == MAX_ATTEMPTS)).all()
    capable = ~np.isnan(workload.fleet.seconds[workload.kind, run.pool])
    assert capable.all()
    length = float((workload.arrival + run.response).max())
    assert (run.busy <= np.array([pool.slots for pool in workload.fleet.pools]) * length + 1e-6).all()


@pytest.mark.parametrize("load", [0.5, 1.2])
def test_slots_are_never_over_committed_nor_idle_for_no_reason(load: float) -> None:
    fleet = replace(equal_pools(2, 3), success=np.ones((1, 2)))
    workload = poisson(fleet, load, 3_000, 3)
    run = simulate(workload, clairvoyant(workload))
    begin = workload.arrival + run.wait
    end = workload.arrival + run.response
    events = sorted([(at, 1) for at in begin] + [(at, -1) for at in end])
    running = np.cumsum([change for _, change in events])
    assert running.max() <= 6
    held_somebody = run.wait > 1e-9
    for at in begin[held_somebody][:200]:  # whoever waited starts at the moment somebody else ends
        assert np.abs(end - at).min() < 1e-9


def test_a_slow_pool_stretches_the_tasks_that_run_through_it() -> None:
    fleet = equal_pools(1, 1)
    calm = replace(poisson(fleet, 0.1, 2, 1), arrival=np.array([0.0, 100.0]), size=np.array([10.0, 10.0]))
    run = simulate(with_faults(calm, Fault(0, 4.0, 16.0, slower=3.0)), LateBinding(calm))
    assert run.response.tolist() == pytest.approx([4 + 12 + 2, 10])  # 4 s at full pace, 12 s at a third, 2 s left


def test_a_priority_goes_first_and_loses_nobody() -> None:
    plain = poisson(equal_pools(1, 2), 1.3, 2_000, 2)
    urgent = np.arange(len(plain)) % 5 == 0
    ranked = replace(plain, priority=np.where(urgent, 9, 0))
    before, after = (simulate(workload, LateBinding(workload)) for workload in (plain, ranked))
    assert after.succeeded.all()
    assert after.wait[urgent].mean() < 0.1 * before.wait[urgent].mean()


def test_a_burst_of_one_tenant_is_its_own_problem() -> None:
    workload = tenant_burst(unequal_pools(), 0.6, 4_000, 1, burst_seconds=200)
    nobody = replace(workload, tenant=np.zeros(len(workload), dtype=np.int64), tenants=("all",))
    victims = workload.tenant > 0
    fair = summarise(simulate(workload, LateBinding(workload, workload.size)), victims)
    fifo = summarise(simulate(nobody, LateBinding(nobody, nobody.size)), victims)
    assert fair.wait_p99 <= 100
    assert fair.wait_p99 <= fifo.wait_p99 / 10


def test_lua_and_luajit_play_the_same_game() -> None:
    workload = tenant_burst(unequal_pools(), 0.8, 1_500, 9, burst_seconds=60)
    runs = [simulate(workload, LateBinding(workload, workload.size, dialect=d)) for d in ("lua51", "luajit21")]
    assert (runs[0].wait == runs[1].wait).all()
    assert (runs[0].pool == runs[1].pool).all()
