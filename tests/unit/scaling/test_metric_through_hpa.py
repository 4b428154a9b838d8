"""Does the HPA land on exactly the target from every size, with and without its tolerance, whenever it happens to ask?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.scaling import hpa, metric

SIZES = range(1, 101)
TICK, SYNC = 15.0, 15.0


def behaviour(tolerance: float) -> hpa.Behaviour:
    """The rules `fleet scale manifests` writes for a pool of at most 100 replicas."""
    highest = metric.highest(100, tolerance)
    return hpa.Behaviour(1, highest, *[hpa.Direction(0, (hpa.Step("Pods", highest),), tolerance)] * 2)


def near(target: int) -> list[int]:
    """Sizes inside and around the band of a target, and two far ones."""
    least, most = max(1, int(target * 0.8) - 1), min(100, int(target * 1.25) + 2)
    return sorted({1, 100, *range(least, most + 1)})


def played(targets: list[int], first: int, tolerance: float, phase: float, every: float = TICK) -> list[int]:
    """Return the sizes the HPA passes while the targets are published one a tick, itself asking every 15 s."""
    rules, memory, sizes = behaviour(tolerance), hpa.Memory(), [first]
    past = [(tick * every, target) for tick, target in enumerate(targets)]
    now = phase
    while now < len(targets) * every:
        wanted = metric.value([step for step in past if step[0] <= now], tolerance)
        proposal = hpa.average_value(wanted, metric.TARGET_SIZE, sizes[-1], rules)
        size, memory = hpa.settle(proposal, sizes[-1], now, memory, rules)
        sizes.append(size)
        now += SYNC
    return sizes


@pytest.mark.parametrize("tolerance", [0.0, 0.1])
def test_every_value_from_zero_to_a_hundred_replicas_does_what_the_hpa_does_with_it(tolerance: float) -> None:
    rules = behaviour(tolerance)
    for size in range(101):
        for wanted in range(101):
            got = hpa.settle(hpa.average_value(float(wanted), 1.0, size, rules), size, 0.0, hpa.Memory(), rules)[0]
            inside = size > 0 and abs(wanted / size - 1.0) <= tolerance + 1e-12
            assert got == (size if inside else max(wanted, 1)), (size, wanted)


@pytest.mark.parametrize("target", [1, *SIZES[4::5], 99])
def test_without_tolerance_one_sync_suffices(target: int) -> None:
    for first in SIZES:
        assert set(played([target] * 3, first, 0.0, phase=1.0)[1:]) == {target}


@pytest.mark.parametrize("phase", [0.0, 14.9])
def test_a_larger_target_is_reached_inside_the_band_within_a_minute(phase: float) -> None:
    for target in SIZES:
        for first in [size for size in near(target) if size < target]:
            sizes = played([first] * 9 + [target] * 5, first, 0.1, phase)
            assert sizes[-1] == target, (first, target, sizes)
            assert min(sizes) >= first


@pytest.mark.parametrize("phase", [0.0, 14.9])
def test_a_smaller_target_is_reached_once_it_has_stood_and_never_undershot(phase: float) -> None:
    for target in SIZES:
        for first in [size for size in near(target) if size > target]:
            sizes = played([first] * 9 + [target] * 10, first, 0.1, phase)
            assert sizes[-1] == target, (first, target, sizes)
            assert min(sizes) >= target


def test_at_the_start_the_size_is_anything_and_the_target_is_still_reached() -> None:
    for target in SIZES:
        for first in near(target):
            assert played([target] * 9, first, 0.1, phase=3.0)[-1] == target


def test_after_a_fallback_moved_the_pool_the_target_is_reached_again() -> None:
    past = [(tick * TICK, 20) for tick in range(10)] + [(1_000.0 + tick * TICK, 20) for tick in range(3)]
    assert [metric.value(past[:length], 0.1) for length in (10, 11, 12, 13)] == [20.0, 25.0, 25.0, 20.0]


def test_a_target_that_wavers_inside_the_band_costs_no_detour_down() -> None:
    past = [(tick * TICK, 20 + (tick // 2) % 2) for tick in range(40)]
    given_values = [metric.value(past[:length], 0.1) for length in range(8, 41)]
    assert max(given_values) <= 21.0


def test_a_clock_that_steps_back_does_not_prolong_a_detour() -> None:
    past = [(10_000.0 + tick * TICK, 20) for tick in range(20)] + [(500.0 + tick * TICK, 21) for tick in range(8)]
    assert metric.value(past, 0.1) == 21.0


@settings(max_examples=200)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=30), st.floats(0.0, 14.9), st.sampled_from([5.0, 15.0, 30.0]))
def test_whatever_was_asked_before_it_rests_on_the_last_target(targets: list[int], phase: float, every: float) -> None:
    rest = [targets[-1]] * int(150.0 / every)
    sizes = played(targets + rest, targets[0], 0.1, phase, every)
    assert sizes[-1] == targets[-1]
    assert max(sizes) <= metric.highest(100, 0.1)


@given(st.lists(st.integers(1, 100), min_size=2, max_size=30), st.floats(0.0, 14.9))
def test_the_pool_is_never_smaller_than_what_was_asked_lately(targets: list[int], phase: float) -> None:
    sizes = played(targets, targets[0], 0.1, phase)
    for before, after in pairwise(sizes):
        assert after >= min(before, *targets)


def test_zero_rests_on_the_minimum() -> None:
    assert played([0] * 3, 37, 0.0, 1.0)[-1] == played([0] * 3, 37, 0.1, 1.0)[-1] == 1


def test_no_single_value_could_do_it_inside_the_band() -> None:
    rules = behaviour(0.1)
    reached = {hpa.average_value(value / 10.0, 1.0, 50, rules) for value in range(1001)}
    assert not reached & {46, 47, 48, 49, 51, 52, 53, 54}


@pytest.mark.parametrize("maximum", [1, 5, 10, 37, 100])
def test_the_ceiling_leaves_room_for_every_detour(maximum: int) -> None:
    assert maximum <= metric.highest(maximum, 0.1) <= 1.25 * maximum + 2
    assert metric.highest(maximum, 0.0) == maximum
