"""Do the learned numbers (speed, success, greyness, size, tags, ejection) converge, bound and forgive as promised?"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.simulation.lua import load, load_into, runtime, table

DECIDERS = "dispatcher/deciders"
(cost_factor,) = load(f"{DECIDERS}/cost.lua", "cost_factor")
learn_speed, shrunk_speed, learn_success, settle_test, grey_factor = load(
    f"{DECIDERS}/learn.lua", "learn_speed", "shrunk_speed", "learn_success", "settle_test", "grey_factor"
)
(fair_start,) = load(f"{DECIDERS}/fair.lua", "fair_start")
LUA = runtime()
learn_attempt, rate_of, weight_of = load_into(
    LUA, f"{DECIDERS}/attempt.lua", "learn_attempt", "test_rate", "test_weight"
)
new_size, predict_size, learn_size = load(f"{DECIDERS}/predict.lua", "new_size", "predict_size", "learn_size")
healthy, standing_at, standing_after = load(
    f"{DECIDERS}/outlier.lua", "healthy_standing", "standing_at", "standing_after"
)


def test_cost_grows_with_failure_price_and_greyness() -> None:
    assert cost_factor(2, 1, 0, 0, 1) == 2
    assert cost_factor(2, 0.5, 0, 0, 1) == 4
    assert cost_factor(2, 1, 0.25, 2, 1) == 3
    assert cost_factor(2, 1, 0.25, 0, 3) == 6
    assert cost_factor(1, 0, 0, 0, 1) == 50


def test_speed_converges_and_few_observations_lean_on_the_prior() -> None:
    speed, count = 1.0, 0
    for _ in range(20):
        speed, count = learn_speed(speed, count, 20.0, 10.0)
    assert speed == pytest.approx(2.0)
    assert shrunk_speed(speed, count, 1.0) == pytest.approx(1.5)
    assert shrunk_speed(speed, 0, 1.0) == 1.0


@given(st.lists(st.booleans(), max_size=300))
def test_success_stays_a_share_above_its_floor(outcomes: list[bool]) -> None:
    success = 1.0
    for ok in outcomes:
        success = learn_success(success, ok)
        assert 0.02 <= success <= 1


def test_time_on_test_notices_silence_before_any_completion() -> None:
    expected, done = settle_test(0.0, 0.0, 1.6, 0.0)
    for _ in range(300):  # healthy: one completion each time one is expected
        expected, done = settle_test(expected, done, 1.6, 1 / 1.6)
        done += 1
    assert grey_factor(expected, done) == 1
    expected, done = settle_test(expected, done, 1.6, 60.0)  # then nothing for a minute
    assert grey_factor(expected, done) > 2


def test_a_slow_pool_left_alone_is_forgiven_little_by_little() -> None:
    """Evidence fades, and the factor with it: it never jumps from "six times slower" to "as good as new"."""
    expected, done, grey = 50.0, 8.0, 5.0
    factors = []
    for _ in range(200):
        expected, done = settle_test(expected, done, 0.0, 10.0)
        grey = grey_factor(expected, done, grey)
        factors.append(grey)
    assert factors == sorted(factors, reverse=True)
    assert factors[10] > 4
    assert factors[-1] == 1
    assert max(before / after for before, after in pairwise(factors)) < 1.3
    assert grey_factor(10.0, 8.0, 1.0) == 1, "which for a pool nobody suspects is well within chance"


def test_tenants_share_by_weight_whatever_they_queue() -> None:
    served = {"small": 0.0, "big": 0.0}
    weight = {"small": 1.0, "big": 3.0}
    clock = dict.fromkeys(served, 0.0)
    tags = []
    for tenant in served:
        for number in range(400):
            start, clock[tenant] = fair_start(0.0, clock[tenant], number > 0, 10.0, weight[tenant], 4.0, 8)
            tags.append((start, tenant))
    for _, tenant in sorted(tags)[:200]:
        served[tenant] += 10.0
    assert served["big"] / served["small"] == pytest.approx(3, rel=0.05)


def test_a_tag_is_the_time_a_fair_share_would_start_the_task() -> None:
    assert fair_start(100.0, 0.0, False, 10.0, 1.0, 4.0, 8) == (100.0, 105.0)  # a quarter of 8 slots: 2
    assert fair_start(100.0, 150.0, True, 10.0, 2.0, 4.0, 8) == (150.0, 152.5)


def test_idleness_forgives_and_nobody_else_means_no_queue() -> None:
    assert fair_start(100.0, 150.0, False, 10.0, 1.0, 4.0, 8)[0] == 100.0
    assert fair_start(100.0, 150.0, True, 10.0, 1.0, 1.0, 8) == (100.0, 100.0)


def known(size_count: int, **more: float) -> dict[str, object]:
    size = {**dict(new_size(10.0).items()), "count": size_count}
    return {"speed": 1.0, "count": 100, "pool_speed": 1.0, "pool_count": 100, "size": size, **more}


def test_an_attempt_teaches_speed_only_against_a_settled_prediction() -> None:
    wiser = learn_attempt(table(LUA, known(0)), None, 30.0)
    assert (wiser.speed, wiser.pool_speed, wiser.size.mean) == (1.0, 1.0, 30.0)
    wiser = learn_attempt(table(LUA, known(50)), None, 30.0)
    assert wiser.speed == pytest.approx(1.04)
    assert wiser.pool_speed == pytest.approx(1.04)
    assert wiser.size.mean == pytest.approx(10.4)


def test_a_giant_task_does_not_make_a_pool_slow() -> None:
    assert learn_attempt(table(LUA, known(50)), None, 10_000.0).speed == pytest.approx(1.08)  # five times, not a thousand


def test_a_guessed_size_tests_nobody_and_a_vague_one_less() -> None:
    assert rate_of(table(LUA, known(3)), 10.0) == 0
    vague, sharp = table(LUA, known(50)), table(LUA, known(50))
    vague.size.error, sharp.size.error = 4.0, 1.0
    assert rate_of(sharp, 10.0) == pytest.approx(0.1)
    assert rate_of(vague, 10.0) == pytest.approx(0.05)
    assert weight_of(vague) == 0.5


def test_size_prediction_learns_a_power_law_and_stays_unbiased() -> None:
    rng = np.random.default_rng(3)
    state = new_size(1.0)
    errors, plain = [], []
    for step in range(3000):
        hint = float(rng.lognormal(5, 1))
        size = 0.05 * hint**0.8 * float(rng.lognormal(-0.045, 0.3))
        if step > 500:
            errors.append(math.log(predict_size(state, hint) / size))
            plain.append(predict_size(state, hint) / size)
        state = learn_size(state, hint, size)
    assert np.std(errors) < 0.4
    assert np.mean(plain) == pytest.approx(1.1, abs=0.1)  # E[1/noise] is 1.09
    assert predict_size(state, None) == state.mean


@given(st.lists(st.tuples(st.floats(0, 1e9) | st.none(), st.floats(0, 1e6)), max_size=60), st.floats(0, 1e9))
def test_a_predicted_size_is_always_finite_and_positive(history: list[tuple[float | None, float]], hint: float) -> None:
    state = new_size(10.0)
    for declared, size in history:
        state = learn_size(state, declared, size)
    assert 0 <= predict_size(state, hint) < math.inf


def test_five_failures_in_a_row_eject_then_one_probe_decides() -> None:
    state = healthy()
    for _ in range(4):
        state, event = standing_after(state, False, 0, False, False)
        assert event is None
    state, event = standing_after(state, False, 0, False, False)
    assert event == "ejected"
    assert standing_at(state, 29) == "out"
    assert standing_at(state, 30) == "probe"
    state, event = standing_after(state, False, 31, True, False)
    assert event == "ejected"
    assert standing_at(state, 31 + 59) == "out"  # twice as long
    state, event = standing_after(state, True, 100, True, False)
    assert event == "readmitted"
    assert standing_at(state, 100) == "in"


def test_while_the_probe_runs_nobody_else_enters() -> None:
    state = healthy()
    for _ in range(5):
        state, _ = standing_after(state, False, 0, False, False)
    state.probing = 1
    assert standing_at(state, 1000) == "out"


def test_late_outcomes_of_an_ejected_pool_change_nothing() -> None:
    state = healthy()
    for _ in range(5):
        state, _ = standing_after(state, False, 0, False, False)
    before = dict(state.items())
    for ok in (True, False) * 10:
        state, event = standing_after(state, ok, 5, False, False)
        assert event is None
    assert dict(state.items()) == before


def test_the_last_capable_pool_is_never_ejected() -> None:
    state = healthy()
    for _ in range(100):
        state, event = standing_after(state, False, 0, False, True)
        assert event is None
    assert standing_at(state, 0) == "in"


def test_a_pool_that_fails_most_tasks_is_ejected_without_a_streak() -> None:
    state, events = healthy(), []
    for index in range(60):
        state, event = standing_after(state, index % 3 == 0, 0, False, False)
        events.append(event)
    assert "ejected" in events


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 200)), max_size=200))
def test_an_ejection_lasts_at_most_300_seconds(outcomes: list[tuple[bool, bool, float]]) -> None:
    state, now = healthy(), 0.0
    for ok, probe, pause in outcomes:
        now += pause
        probe = probe and standing_at(state, now) == "probe"
        state, event = standing_after(state, ok, now, probe, False)
        if event == "ejected":
            assert state.out_until - now == pytest.approx(min(30 * state.ejections, 300))
