"""Does the forecast follow what is there, and admit what is not?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from fleet.simulation.planning.outlook import outlook
from fleet.simulation.planning.past import PoolPast
from fleet.simulation.planning.trials import scaled


def test_two_days_are_no_forecast() -> None:
    assert outlook(np.array([100.0, 120.0]), 1, 30) is None
    assert outlook(np.zeros(40), 1, 30) is None


def test_flat_days_stay_flat_and_the_interval_holds_the_month() -> None:
    days = np.random.default_rng(1).poisson(500, 28).astype(float)
    found = outlook(days, 3, 31)
    assert found is not None
    assert found.direction == "flat"
    assert found.total.low < 500 * 31 < found.total.high
    assert found.tested_days == 9
    assert found.tested_error is not None
    assert found.tested_error < 0.1


def test_growth_is_followed_but_no_further_than_the_past_reaches() -> None:
    found = outlook(100.0 + 10.0 * np.arange(10.0), 0, 30)
    assert found is not None
    assert found.direction == "rising"
    assert found.total.value < 30 * (100.0 + 10.0 * 20)
    assert found.total.value > 30 * 190.0


def test_weekends_are_known_from_two_weeks_on() -> None:
    week = np.array([100.0, 100.0, 100.0, 100.0, 100.0, 20.0, 20.0])
    found = outlook(np.tile(week, 4), 0, 5)
    assert found is not None
    assert found.total.value > 5 * week.mean()


@given(some.lists(some.floats(0, 1e9), min_size=3, max_size=60), some.integers(0, 31), some.integers(28, 31))
def test_a_forecast_is_ordered_and_never_negative(days: list[float], gap: int, length: int) -> None:
    found = outlook(np.asarray(days), gap, length)
    if found is not None:
        assert 0.0 <= found.total.low <= found.total.value <= found.total.high


@given(some.floats(0.25, 4.0), some.integers(0, 9))
def test_a_scaled_day_has_so_many_tasks_inside_the_day(factor: float, seed: int) -> None:
    day = PoolPast(np.sort(np.random.default_rng(seed).uniform(0, 86_400, 2_000)), np.full(2_000, 3.0))
    found = scaled(day, factor, seed, "a day")
    assert len(found.arrivals) == pytest.approx(2_000 * factor, rel=0.1)
    assert (np.diff(found.arrivals) >= 0).all()
    assert found.arrivals[-1] < 86_400
