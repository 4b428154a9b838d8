"""Does the fleet's own history become a workload for the pools it has?"""

from __future__ import annotations

import numpy as np
import pytest

from fleet.dispatcher.scoring import PoolView
from fleet.dispatcher.tasks import Ended
from fleet.errors import ConfigurationError
from fleet.simulation.contestants import contestant_named
from fleet.simulation.engine import simulate
from fleet.simulation.own_past import workload

VIEWS = {
    "code": (PoolView("fast", slots=2, speed=0.5), PoolView("slow", slots=0, speed=2.0)),
    "scan": (PoolView("fast", slots=2, is_capable=False), PoolView("slow", slots=0, speed=1.0, success=0.9)),
}


def ended(task_type: str, pool: str, submitted: float, started: float | None, seconds: float) -> Ended:
    end = (started or submitted) + seconds
    return Ended("id", task_type, "team", pool, "done", 1, submitted, started, end, "")


def test_sizes_are_run_times_made_comparable_by_learned_speed() -> None:
    past = workload([ended("scan", "slow", 70, 75, 4), ended("code", "slow", 50, 60, 8), ended("code", "", 40, None, 0)], VIEWS)
    assert past.arrival.tolist() == [0, 20]
    assert [past.fleet.types[kind].name for kind in past.kind] == ["code", "scan"]
    assert past.size.tolist() == [4, 4]
    assert [pool.slots for pool in past.fleet.pools] == [2, 1]
    assert np.isnan(past.fleet.seconds[1, 0])
    assert "1 tasks that never ran" in past.source
    assert simulate(past, contestant_named("late_binding")(past, 0.5)).wait.tolist() == [0, 0]


def test_too_little_history_is_said() -> None:
    with pytest.raises(ConfigurationError, match="holds 1 tasks that ran"):
        workload([ended("code", "fast", 1, 2, 3)], VIEWS)
