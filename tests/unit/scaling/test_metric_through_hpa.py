"""Does the HPA land on exactly the target from every size, with and without its tolerance?"""

from __future__ import annotations

import pytest

from fleet.scaling import hpa, metric

SIZES = range(1, 101)
UP = hpa.Direction(0, (hpa.Step("Pods", 200),))
DOWN = hpa.Direction(0, (hpa.Step("Pods", 200),))


def behaviour(tolerance: float) -> hpa.Behaviour:
    ways = [hpa.Direction(0, way.steps, tolerance) for way in (UP, DOWN)]
    return hpa.Behaviour(1, metric.highest(100, tolerance), *ways)


def syncs(target: int, current: int, tolerance: float) -> list[int]:
    """Play HPA syncs until the size rests; return the sizes passed."""
    rules, memory, sizes = behaviour(tolerance), hpa.Memory(), [current]
    for step in range(4):
        wanted = metric.value(target, sizes[-1], tolerance)
        proposal = hpa.average_value(wanted, metric.TARGET_SIZE, sizes[-1], rules)
        size, memory = hpa.settle(proposal, sizes[-1], step * 15.0, memory, rules)
        if size == sizes[-1]:
            break
        sizes.append(size)
    return sizes


@pytest.mark.parametrize("target", [1, *SIZES[4::5], 99])
def test_without_tolerance_one_sync_suffices(target: int) -> None:
    for current in SIZES:
        sizes = syncs(target, current, 0.0)
        assert sizes[-1] == target
        assert len(sizes) <= 2


def test_with_ten_per_cent_tolerance_two_syncs_suffice_and_never_undershoot() -> None:
    for target in SIZES:
        for current in SIZES:
            sizes = syncs(target, current, 0.1)
            assert sizes[-1] == target, (target, sizes)
            assert len(sizes) <= 3
            assert min(sizes) >= min(target, current)


def test_zero_rests_on_the_minimum() -> None:
    assert syncs(0, 37, 0.0) == [37, 1]
    assert syncs(0, 37, 0.1) == [37, 1]


def test_no_single_value_could_do_it_inside_the_band() -> None:
    rules = behaviour(0.1)
    reached = {hpa.average_value(value / 10.0, 1.0, 50, rules) for value in range(1001)}
    assert not reached & {46, 47, 48, 49, 51, 52, 53, 54}


@pytest.mark.parametrize("maximum", [1, 5, 10, 37, 100])
def test_the_ceiling_leaves_room_for_every_detour(maximum: int) -> None:
    ceiling = metric.highest(maximum, 0.1)
    from_every_size = [metric.value(maximum, current, 0.1) for current in range(1, 2 * maximum)]
    assert max(from_every_size) == ceiling
    assert maximum <= ceiling <= 1.25 * maximum + 2
    assert metric.highest(maximum, 0.0) == maximum
