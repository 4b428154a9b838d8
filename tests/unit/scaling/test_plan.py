"""Is shareable work booked to the pool that does it for the least money, and never lost?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.scaling.plan import Demand, PoolOffer, attribute, cheapest, share

PREMIUM = PoolOffer("premium", 4, 5, 4.0)
ECONOMY = PoolOffer("economy", 4, 5, 1.0)
POOLS = {"premium": PREMIUM, "economy": ECONOMY}


def test_held_work_goes_where_it_is_cheapest() -> None:
    booked = attribute([Demand("chat", 100.0, 5, {"premium": 0.5, "economy": 1.0})], POOLS, {})
    assert set(booked) == {"economy"}
    assert (booked["economy"].tasks, booked["economy"].seconds) == (5, 100.0)


def test_what_the_cheapest_cannot_grow_to_goes_to_the_next() -> None:
    booked = attribute([Demand("chat", 1000.0, 50, {"premium": 0.5, "economy": 1.0})], POOLS, {})
    assert booked["economy"].seconds == pytest.approx(400.0)
    assert booked["premium"].seconds == pytest.approx(300.0)
    assert booked["economy"].tasks + booked["premium"].tasks == 50


def test_a_pool_that_is_out_is_passed_over_unless_it_is_the_only_one() -> None:
    out = {"premium": PREMIUM, "economy": PoolOffer("economy", 4, 5, 1.0, out=True)}
    assert cheapest(Demand("chat", 1.0, 1, {"premium": 1.0, "economy": 1.0}), out) == ["premium"]
    assert cheapest(Demand("chat", 1.0, 1, {"economy": 1.0}), out) == ["economy"]


def test_the_plan_fills_the_cheap_pool_first() -> None:
    made = share([Demand("chat", 20.0, 0, {"premium": 1.0, "economy": 1.0})], POOLS)
    assert made.loads["economy"] == pytest.approx(16.0)
    assert made.loads["premium"] == pytest.approx(4.0)
    assert made.hourly_usd == pytest.approx(5 * 1.0 + 4 / 16 * 5 * 4.0)


def test_work_only_one_pool_can_do_displaces_work_that_can_move() -> None:
    demands = [Demand("research", 16.0, 0, {"premium": 1.0}), Demand("chat", 10.0, 0, {"premium": 1.0, "economy": 1.0})]
    assert share(demands, POOLS).loads == pytest.approx({"premium": 16.0, "economy": 10.0})


def test_demand_nobody_has_room_for_is_named() -> None:
    assert share([Demand("chat", 50.0, 0, {"economy": 1.0})], POOLS).uncarried["chat"] == pytest.approx(34.0)
    assert share([Demand("chat", 5.0, 0, {})], POOLS).uncarried == {"chat": 5.0}


loads = st.floats(0.0, 500.0)
speeds = st.dictionaries(st.sampled_from(["premium", "economy"]), st.floats(0.1, 4.0))


@given(st.lists(st.tuples(loads, st.integers(1, 100), speeds), max_size=6))
def test_nothing_is_lost(rows: list[tuple[float, int, dict[str, float]]]) -> None:
    demands = [Demand(f"t{i}", load, tasks, able) for i, (load, tasks, able) in enumerate(rows)]
    booked = attribute(demands, POOLS, {})
    assert sum(b.tasks for b in booked.values()) == sum(d.tasks for d in demands if d.speeds)
    made = share(demands, POOLS)
    for demand in demands:
        carried = sum(part for (kind, _), part in made.shares.items() if kind == demand.task_type) * demand.load
        assert carried + made.uncarried.get(demand.task_type, 0.0) == pytest.approx(demand.load, abs=1e-6)
    for name, offer in POOLS.items():
        assert made.loads[name] <= 0.8 * offer.maximum * offer.slots_per_replica + 1e-6
