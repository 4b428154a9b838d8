"""Does the vectorised Erlang formula agree with the textbook recursion, at every size?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.scaling import erlang


def recursion(slots: int, load: float) -> float:
    blocked = 1.0
    for k in range(1, slots + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


@given(slots=st.integers(1, 400), load=st.floats(0.01, 500.0))
def test_blocking_agrees_with_the_recursion(slots: int, load: float) -> None:
    assert float(erlang.blocking(slots, load)) == pytest.approx(recursion(slots, load), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("slots", "load"), [(10_000, 9_900.0), (10_000, 9_999.0), (5_000, 5_000.0), (9_000, 8_500.0)])
def test_blocking_is_stable_for_thousands_of_slots(slots: int, load: float) -> None:
    assert float(erlang.blocking(slots, load)) == pytest.approx(recursion(slots, load), rel=1e-6)


@pytest.mark.parametrize(
    ("slots", "load", "chance"),
    [(1, 0.7, 0.7), (4, 3.2, 0.5964), (10, 9.0, 0.6687), (20, 17.0, 0.3851), (100, 90.0, 0.2169)],
)
def test_waiting_matches_published_values(slots: int, load: float, chance: float) -> None:
    assert float(erlang.waiting(slots, load)) == pytest.approx(chance, abs=1e-4)


@given(
    load=st.floats(0.001, 2_000.0),
    wait=st.floats(0.0, 60.0),
    service=st.floats(0.1, 600.0),
    variation=st.floats(0.0, 9.0),
    share=st.floats(0.001, 0.2),
)
def test_slots_for_is_the_least_that_suffices(
    load: float, wait: float, service: float, variation: float, share: float
) -> None:
    slots = int(erlang.slots_for(load, wait, service, variation, share))
    assert slots > load
    assert float(erlang.late_share(slots, load, wait, service, variation)) <= share
    assert slots - 1 <= load or float(erlang.late_share(slots - 1, load, wait, service, variation)) > share


def test_no_load_needs_no_slots() -> None:
    assert erlang.slots_for([0.0, 5.0], 5.0, 20.0, 1.0, 0.01).tolist()[0] == 0


def test_overload_always_waits() -> None:
    assert erlang.waiting([3, 5], [3.0, 9.0]).tolist() == [1.0, 1.0]


def test_ten_thousand_slots_and_a_thousand_pools_at_once() -> None:
    loads = np.linspace(1.0, 9_800.0, 1_000)
    slots = erlang.slots_for(loads, 5.0, 20.0, 1.0, 0.01)
    assert np.all(np.diff(slots) >= 0)
    assert np.all(slots > loads)
