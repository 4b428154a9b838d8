"""Which limit binds, and does the target say so?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import ConfigurationError
from fleet.scaling.caps import PoolLimits, QuotaShare, bound


def test_nothing_binds_inside_the_limits() -> None:
    made = bound(5, PoolLimits(1, 10))
    assert (made.replicas, made.binding) == (5, None)
    assert {limit.name for limit in made.considered} == {"minimum", "maximum"}


def test_minimum_and_maximum() -> None:
    assert bound(0, PoolLimits(2, 10)).binding == "minimum"
    assert bound(99, PoolLimits(2, 10)).replicas == 10


def test_quota_caps_at_what_keeps_it_busy() -> None:
    limits = PoolLimits(1, 100, quotas=(QuotaShare("openai/gpt-5", "tokens", 60_000.0, 1_000.0),))
    made = bound(50, limits, slots_per_replica=4, service_seconds=20.0)
    assert (made.replicas, made.binding) == (5, "quota")
    assert "openai/gpt-5 allows this pool 60,000 tokens a minute" in made.why


def test_the_tighter_of_tokens_and_requests_binds() -> None:
    quotas = (QuotaShare("openai/gpt-5", "tokens", 60_000.0, 1_000.0), QuotaShare("openai/*", "requests", 90.0, 2.5))
    made = bound(50, PoolLimits(1, 100, quotas=quotas), slots_per_replica=4, service_seconds=20.0)
    assert (made.replicas, made.binding) == (3, "quota")
    assert "90 requests a minute, at 2.5 requests a task" in made.why
    assert [limit.replicas for limit in made.considered if limit.name == "quota"] == [5, 3]


def test_budget_counts_replicas_and_what_their_tasks_cost() -> None:
    limits = PoolLimits(0, 100, price_per_replica_hour_usd=1.0, budget_usd_per_hour=10.0, task_cost_usd=0.01)
    made = bound(50, limits, slots_per_replica=1, service_seconds=36.0)
    assert (made.replicas, made.binding) == (5, "budget")


def test_the_nearest_ceiling_is_named() -> None:
    limits = PoolLimits(
        0, 20, price_per_replica_hour_usd=1.0, budget_usd_per_hour=7.0, quotas=(QuotaShare("p/m", "tokens", 6e5, 1e3),)
    )
    assert bound(50, limits, slots_per_replica=10, service_seconds=10.0).binding == "budget"


def test_a_pin_replaces_need_and_floors_but_not_the_maximum() -> None:
    assert bound(1, PoolLimits(2, 10, pin=7, floor=9)).replicas == 7
    assert bound(50, PoolLimits(2, 10, pin=0)).replicas == 0
    assert bound(1, PoolLimits(2, 10, pin=70)).binding == "maximum"


def test_an_alert_raises_the_floor_up_to_the_maximum() -> None:
    assert bound(1, PoolLimits(1, 10, floor=4)).binding == "floor"
    assert bound(1, PoolLimits(1, 10, floor=40)).replicas == 10


def test_emergency_keeps_what_there_is() -> None:
    made = bound(2, PoolLimits(1, 10, emergency=True), previous=6)
    assert (made.replicas, made.binding) == (6, "emergency")


def test_work_left_keeps_one_replica() -> None:
    made = bound(0, PoolLimits(0, 10), work=1)
    assert (made.replicas, made.binding) == (1, "work")
    assert bound(0, PoolLimits(0, 10, price_per_replica_hour_usd=1.0, budget_usd_per_hour=0.0), work=1).replicas == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"minimum": 5, "maximum": 2}, "exceeds maximum"),
        ({"minimum": -1}, "negative"),
        ({"price_per_replica_hour_usd": -0.5}, "negative"),
    ],
)
def test_impossible_limits_are_refused(wrong: dict[str, float], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        PoolLimits(**wrong)  # type: ignore[arg-type]


optional = st.none() | st.integers(0, 50)


@given(
    need=st.integers(0, 200),
    low=st.integers(0, 20),
    more=st.integers(0, 50),
    pin=optional,
    floor=optional,
    emergency=st.booleans(),
    previous=st.integers(0, 80),
    budget=st.none() | st.floats(0.0, 50.0),
    work=st.integers(0, 3),
)
def test_the_maximum_always_holds_and_a_difference_is_always_named(
    need: int,
    low: int,
    more: int,
    pin: int | None,
    floor: int | None,
    emergency: bool,
    previous: int,
    budget: float | None,
    work: int,
) -> None:
    limits = PoolLimits(low, low + more, 1.0, budget_usd_per_hour=budget, pin=pin, floor=floor, emergency=emergency)
    made = bound(need, limits, previous=previous, work=work)
    assert 0 <= made.replicas <= limits.maximum
    assert made.binding == "pin" or (made.binding is None) == (made.replicas == need)
    if pin is None:
        assert made.replicas >= low
        assert made.replicas >= min(work, 1, limits.maximum)
