"""What does the HPA do with every metric value from 0 to 100 replicas?"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.scaling import hpa

DEFAULT = hpa.Behaviour()
EXACT = hpa.Behaviour(up=hpa.Direction(0, (), 0.0), down=hpa.Direction(0, (), 0.0))


def play(proposals: list[int], current: int, rules: hpa.Behaviour, seconds: float = 15.0) -> list[int]:
    memory, sizes = hpa.Memory(), []
    for step, proposal in enumerate(proposals):
        current, memory = hpa.settle(proposal, current, step * seconds, memory, rules)
        sizes.append(current)
    return sizes


@given(metric=st.floats(0.0, 100.0), current=st.integers(1, 100))
def test_average_value_is_the_ceiling_outside_the_band(metric: float, current: int) -> None:
    proposal = hpa.average_value(metric, 1.0, current, DEFAULT)
    inside = 0.9 <= metric / current <= 1.1
    assert proposal == (current if inside else math.ceil(int(metric * 1000) / 1000))


@pytest.mark.parametrize("current", [1, 2, 9, 10, 11, 50, 99, 100])
def test_every_whole_metric_without_tolerance_is_the_size(current: int) -> None:
    assert [hpa.average_value(float(m), 1.0, current, EXACT) for m in range(101)] == list(range(101))


@pytest.mark.parametrize(("metric", "size"), [(9.0, 10), (11.0, 10), (8.99, 9), (11.01, 12), (0.0, 0), (25.0, 25)])
def test_the_band_around_ten(metric: float, size: int) -> None:
    assert hpa.average_value(metric, 1.0, 10, DEFAULT) == size


def test_scaling_up_doubles_or_adds_four_each_period() -> None:
    assert play([100] * 5, 1, DEFAULT) == [5, 10, 20, 40, 80]


def test_scaling_down_waits_for_the_window_and_takes_its_highest() -> None:
    sizes = play([10, 8, 3] + [3] * 25, 10, DEFAULT)
    assert sizes[:20] == [10] * 20
    assert sizes[20] == 8
    assert sizes[21] == 3


def test_an_up_window_takes_the_lowest() -> None:
    rules = hpa.Behaviour(up=hpa.Direction(60, (hpa.Step("Pods", 20),)))
    assert play([1, 9, 9, 9, 9, 9], 1, rules) == [1, 1, 1, 1, 9, 9]


def test_a_pods_policy_counts_what_its_period_already_added() -> None:
    rules = hpa.Behaviour(up=hpa.Direction(0, (hpa.Step("Pods", 4, 60),)))
    assert play([100] * 6, 1, rules) == [5, 5, 5, 5, 9, 9]


def test_disabled_never_moves() -> None:
    rules = hpa.Behaviour(down=hpa.Direction(0, (), select="Disabled"))
    assert play([1, 1, 1], 10, rules) == [10, 10, 10]


def test_min_picks_the_gentlest_policy() -> None:
    steps = (hpa.Step("Pods", 2), hpa.Step("Percent", 50))
    gentle = hpa.Behaviour(down=hpa.Direction(0, steps, select="Min"))
    bold = hpa.Behaviour(down=hpa.Direction(0, steps))
    assert play([1], 20, gentle) == [18]
    assert play([1], 20, bold) == [10]


def test_utilisation_counts_starting_pods_as_idle_only_upwards() -> None:
    assert hpa.utilisation([1.0, 1.0], 0, 0.5, 2, DEFAULT) == 4
    assert hpa.utilisation([1.0, 1.0], 2, 0.5, 4, DEFAULT) == 4
    assert hpa.utilisation([0.25, 0.25], 0, 0.5, 2, DEFAULT) == 1


@given(st.lists(st.integers(0, 200), min_size=1, max_size=40), st.integers(1, 100))
def test_bounds_always_hold(proposals: list[int], current: int) -> None:
    assert all(DEFAULT.minimum <= size <= DEFAULT.maximum for size in play(proposals, current, DEFAULT))
