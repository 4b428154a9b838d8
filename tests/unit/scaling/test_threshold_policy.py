"""Does the reference rule move by one replica a minute and no more?"""

from __future__ import annotations

import pytest

from fleet.scaling.pool import PoolSnapshot, PoolState
from fleet.scaling.threshold import ThresholdSettings, needs

SETTINGS = ThresholdSettings()


@pytest.mark.parametrize(
    ("running", "ready", "expected"), [(9, 1, 2), (8, 1, 1), (5, 1, 1), (3, 2, 1), (1, 1, 1), (0, 1, 1), (41, 5, 6)]
)
def test_one_step_per_look(running: int, ready: int, expected: int) -> None:
    snap = PoolSnapshot("pool", slots_per_replica=10, ready=ready, running=running)
    assert needs([snap], [PoolState("pool", replicas=ready)], SETTINGS, 1000.0)[0].replicas == expected


def test_it_looks_once_a_minute() -> None:
    snap = PoolSnapshot("pool", slots_per_replica=10, ready=1, running=10)
    first = needs([snap], [PoolState("pool", replicas=1)], SETTINGS, 1000.0)[0]
    between = needs([snap], [first.state], SETTINGS, 1030.0)[0]
    assert between.replicas == first.state.replicas
    assert "next look in 30 s" in between.reason
    assert needs([snap], [between.state], SETTINGS, 1060.0)[0].replicas == first.state.replicas + 1


def test_work_without_a_replica_gets_one() -> None:
    snap = PoolSnapshot("pool", slots_per_replica=10, ready=0, held=3)
    assert needs([snap], [PoolState("pool")], SETTINGS, 1000.0)[0].replicas == 1
