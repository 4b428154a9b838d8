"""Does the calibrated headroom settle where violations are just inside the allowed share?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.scaling.headroom import HeadroomSettings, adapt

SETTINGS = HeadroomSettings()


def test_late_tasks_raise_it_and_timely_ones_lower_it() -> None:
    assert float(adapt(1.0, 100, 10, SETTINGS)) > 1.0
    assert float(adapt(1.0, 100, 0, SETTINGS)) < 1.0
    assert float(adapt(1.0, 1000, 8, SETTINGS)) == pytest.approx(1.0)


@given(st.floats(0.1, 5.0), st.integers(0, 10_000), st.integers(0, 10_000))
def test_it_stays_in_bounds(factor: float, started: int, late: int) -> None:
    assert SETTINGS.least <= float(adapt(factor, started, min(late, started), SETTINGS)) <= SETTINGS.most


def test_the_long_run_share_of_late_tasks_tends_to_just_inside_the_allowed_one() -> None:
    rng = np.random.default_rng(7)
    factor, late_total, started_total = np.asarray(1.0), 0, 0
    for _ in range(20_000):
        chance = 0.2 * np.exp(-1.5 * float(factor))
        late = int(rng.binomial(20, chance))
        factor = adapt(factor, 20, late, SETTINGS)
        late_total, started_total = late_total + late, started_total + 20
    assert late_total / started_total == pytest.approx(SETTINGS.aim * SETTINGS.allowed_share, rel=0.1)
