"""Does the forecast believe changes and ignore noise?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.scaling.forecast import SIGNALS, Forecast, ForecastSettings, forecast, matrix, silences

SETTINGS = ForecastSettings()


def of(row: list[float], seasonal: float = 0.0, size: float = 20.0) -> Forecast:
    loads, known = matrix([tuple(row)], SETTINGS.long_ticks)
    one = np.asarray([size])
    return forecast(loads, known, one, one**2, 15.0, np.asarray([seasonal]), SETTINGS)


def steady(level: float, ticks: int = 40) -> list[float]:
    return [level + (1 if tick % 2 else -1) for tick in range(ticks)]


def signal(row: list[float], seasonal: float = 0.0) -> str:
    return SIGNALS[int(of(row, seasonal).signal[0])]


def test_steady_load_is_its_long_mean() -> None:
    assert signal(steady(20.0)) == "steady"
    assert float(of(steady(20.0)).load[0]) == pytest.approx(20.0)


def test_a_burst_is_believed_within_three_ticks() -> None:
    row = [*steady(20.0, 37), 60.0, 60.0, 60.0]
    assert signal(row) == "rising at once"
    assert float(of(row).load[0]) == pytest.approx(60.0)


def test_a_fall_keeps_a_margin() -> None:
    row = [*steady(60.0, 37), 5.0, 5.0, 5.0]
    assert signal(row) == "falling at once"
    assert 5.0 < float(of(row).load[0]) < 60.0


def test_a_slope_is_followed_ahead_of_now() -> None:
    row = [200.0 + 0.6 * tick for tick in range(40)]
    assert signal(row) == "trend"
    assert float(of(row).load[0]) > row[-1]


def test_history_raises_the_floor() -> None:
    assert signal(steady(20.0), seasonal=100.0) == "season"
    assert float(of(steady(20.0), seasonal=100.0).load[0]) == pytest.approx(90.0)


def test_a_silence_ends_the_demand_of_a_burst_but_not_of_a_trickle() -> None:
    burst = [0.0] * 30 + [260.0] + [0.0] * 9
    assert signal(burst) == "silent"
    assert float(of(burst).load[0]) == 0.0
    trickle = [0.0] * 30 + [4.0] + [0.0] * 9
    assert signal(trickle) != "silent"
    assert float(of(trickle).load[0]) > 0.0


def test_a_pause_between_two_waves_is_no_silence() -> None:
    waves = ([130.0] + [0.0] * 5) * 6 + [130.0] + [0.0] * 3
    assert signal(waves[-40:]) != "silent"
    assert signal((waves + [0.0] * 9)[-40:]) == "silent"


def test_a_silence_stays_one_while_the_burst_leaves_the_window() -> None:
    burst = [50.0, 260.0, 30.0, 4.0]
    for quiet in range(6, 37):
        assert signal([0.0] * (36 - quiet) + burst + [0.0] * quiet) == "silent"


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=40))
def test_silences_are_counted_as_they_are(row: list[float]) -> None:
    quiet, longest = silences(np.asarray([row]))
    text = "".join("x" if load else "." for load in row)
    assert int(quiet[0]) == len(text) - len(text.rstrip("."))
    assert int(longest[0]) == max((len(run) for run in text.strip(".").split("x")), default=0)


def test_bunched_work_is_dispersed() -> None:
    bunched = [0.0] * 40
    bunched[::8] = [160.0] * 5
    assert float(of(bunched).dispersion[0]) > float(of(steady(20.0)).dispersion[0])


@given(st.lists(st.floats(0.0, 1e4), max_size=60), st.floats(0.0, 1e4))
def test_any_history_gives_a_finite_load(row: list[float], seasonal: float) -> None:
    made = of(row, seasonal)
    assert np.isfinite(made.load).all()
    assert float(made.load[0]) >= SETTINGS.seasonal_share * seasonal
    assert SETTINGS.least_dispersion <= float(made.dispersion[0]) <= SETTINGS.most_dispersion
