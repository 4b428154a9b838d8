"""Is a decision complete, reproducible and fast enough for a thousand pools?"""

from __future__ import annotations

import pytest

from fleet.errors import UnknownName
from fleet.scaling.caps import PoolLimits
from fleet.scaling.pool import PoolSnapshot, PoolState
from fleet.scaling.targets import DecisionSettings, decide


def snapshot(pool: str, **changed: float) -> PoolSnapshot:
    given = {"running": 12, "arrived": 9, "arrived_seconds": 180.0, "arrived_square_seconds": 3600.0, "started": 9}
    return PoolSnapshot(
        pool,
        4,
        5,
        service_seconds=20.0,
        service_square_seconds=800.0,
        **(given | changed),  # type: ignore[arg-type]
    )


def test_the_target_names_what_bound_it() -> None:
    target = decide([snapshot("code")], {}, {"code": PoolLimits(1, 2)}, DecisionSettings(), 1000.0)[0]
    assert (target.replicas, target.binding) == (2, "maximum")
    assert target.need > 2
    assert target.reason.startswith("the pool may have at most 2 (maximum binds; without it")
    assert target.state.replicas == 2


def test_the_same_inputs_give_the_same_target() -> None:
    limits = {"code": PoolLimits(0, 50)}
    states = {"code": PoolState("code", at=985.0, loads=(10.0, 12.0), replicas=4)}
    twice = [decide([snapshot("code")], states, limits, DecisionSettings(), 1000.0) for _ in range(2)]
    assert twice[0] == twice[1]


def test_pools_do_not_influence_each_other() -> None:
    pools = [snapshot(f"p{index}", running=index, held=index * 3, held_seconds=index * 60.0) for index in range(30)]
    limits = {pool.pool: PoolLimits(0, 50) for pool in pools}
    together = decide(pools, {}, limits, DecisionSettings(), 1000.0)
    alone = [decide([pool], {}, limits, DecisionSettings(), 1000.0)[0] for pool in pools]
    assert [t.replicas for t in together] == [t.replicas for t in alone]


def test_a_pool_without_limits_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown pool 'cod'"):
        decide([snapshot("cod")], {}, {"code": PoolLimits()}, DecisionSettings(), 1000.0)


def test_a_thousand_pools_in_one_decision() -> None:
    pools = [snapshot(f"p{index}") for index in range(1000)]
    limits = {pool.pool: PoolLimits(1, 100) for pool in pools}
    targets = decide(pools, {}, limits, DecisionSettings(), 1000.0)
    assert len({target.replicas for target in targets}) == 1


def test_threshold_is_selectable() -> None:
    settings = DecisionSettings(policy="threshold")
    target = decide([snapshot("code", running=20)], {}, {"code": PoolLimits(1, 10)}, settings, 1000.0)[0]
    assert (target.replicas, target.policy) == (6, "threshold")
    assert target.active
