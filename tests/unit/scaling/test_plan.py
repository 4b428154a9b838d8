"""Is shareable work booked to the pool that does it for the least money, and never lost?"""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.scaling.plan import Demand, PoolOffer, attribute, margin_needed, preferred

PREMIUM = PoolOffer("premium", 20)
ECONOMY = PoolOffer("economy", 20)
POOLS = {"premium": PREMIUM, "economy": ECONOMY}
COSTS = {"premium": 2.0, "economy": 1.2}
SECONDS = {"premium": 0.5, "economy": 1.0}


def test_held_work_goes_where_the_dispatcher_would_rather_give_it() -> None:
    booked = attribute([Demand("chat", 100.0, 5, COSTS, SECONDS)], POOLS, {})
    assert set(booked) == {"economy"}
    assert (booked["economy"].tasks, booked["economy"].seconds) == (5, 100.0)


def test_what_the_first_choice_cannot_grow_to_goes_to_the_next() -> None:
    booked = attribute([Demand("chat", 1000.0, 50, COSTS, SECONDS)], POOLS, {})
    assert booked["economy"].seconds == pytest.approx(400.0)
    assert booked["premium"].seconds == pytest.approx(300.0)
    assert booked["economy"].tasks + booked["premium"].tasks == 50


def test_one_type_makes_way_for_another_where_that_is_cheaper() -> None:
    pools = {"a": PoolOffer("a", 10), "b": PoolOffer("b", 10)}
    # Chat does nearly as well on b; code is four times as dear there, and both would rather have a.
    chat = Demand("chat", 200.0, 20, {"a": 1.0, "b": 1.1}, {"a": 1.0, "b": 1.0})
    code = Demand("code", 200.0, 10, {"a": 1.0, "b": 4.0}, {"a": 1.0, "b": 1.0})
    for order in ([chat, code], [code, chat]):
        booked = attribute(order, pools, {})
        assert (booked["a"].tasks, booked["b"].tasks) == (10, 20)


def test_more_than_all_can_take_goes_where_it_takes_least() -> None:
    booked = attribute([Demand("chat", 2000.0, 100, COSTS, SECONDS)], POOLS, {})
    assert booked["economy"].seconds == pytest.approx(400.0)
    assert booked["premium"].seconds == pytest.approx(800.0)
    assert booked["economy"].tasks + booked["premium"].tasks == 100


@given(st.lists(st.floats(1.0, 300.0), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_no_pool_is_asked_for_more_than_it_may_grow_to_while_there_is_room(loads: list[float], random: Random) -> None:
    pools = {name: PoolOffer(name, random.randint(5, 30)) for name in "abc"}
    demands = []
    for index, load in enumerate(loads):
        seconds = {name: random.uniform(0.5, 2.0) for name in "abc"}
        demands.append(Demand(f"t{index}", load, 1000, {n: s * random.uniform(1.0, 2.0) for n, s in seconds.items()}, seconds))
    booked = attribute(demands, pools, {})
    room = {name: 20.0 * offer.most_slots for name, offer in pools.items()}
    if sum(d.load * max(d.seconds.values()) for d in demands) <= sum(room.values()):
        assert all(booked[name].seconds <= room[name] + 1e-3 for name in booked)


def test_a_pool_that_is_out_is_passed_over_unless_it_is_the_only_one() -> None:
    out = {"premium": PREMIUM, "economy": PoolOffer("economy", 20, out=True)}
    assert preferred(Demand("chat", 1.0, 1, COSTS, SECONDS), out) == ["premium"]
    assert preferred(Demand("chat", 1.0, 1, {"economy": 1.0}, SECONDS), out) == ["economy"]


def margins(flexible: float, *loads: float) -> np.ndarray:
    column = np.asarray(loads)
    ones = np.ones(len(loads))
    groups = ["shared"] * len(loads)
    return margin_needed(groups, flexible * ones, column, 15.0 * ones, 20.0 * ones, ones, 0.01)


def test_pools_that_share_their_work_need_less_margin_together() -> None:
    assert np.all(margins(1.0, 8.0, 8.0, 8.0, 8.0) < 0.75)
    assert np.all(margins(0.5, 8.0, 8.0, 8.0, 8.0) > margins(1.0, 8.0, 8.0, 8.0, 8.0))
    assert margins(0.0, 8.0, 8.0).tolist() == [1.0, 1.0]
    assert margins(1.0, 8.0).tolist() == [1.0]


@given(st.lists(st.floats(0.0, 500.0), min_size=1, max_size=8), st.floats(0.0, 1.0))
def test_sharing_never_adds_margin(loads: list[float], flexible: float) -> None:
    needed = margins(flexible, *loads)
    assert np.all(needed >= 1.0 - flexible - 1e-9)
    assert np.all(needed <= 1.0)


loads = st.floats(0.0, 500.0)
speeds = st.dictionaries(st.sampled_from(["premium", "economy"]), st.floats(0.1, 4.0))


@given(st.lists(st.tuples(loads, st.integers(1, 100), speeds), max_size=6))
def test_nothing_is_lost(rows: list[tuple[float, int, dict[str, float]]]) -> None:
    demands = [Demand(f"t{i}", load, tasks, able, able) for i, (load, tasks, able) in enumerate(rows)]
    booked = attribute(demands, POOLS, {})
    assert sum(b.tasks for b in booked.values()) == sum(d.tasks for d in demands if d.costs)
