"""Does the recommended grace cover the tasks that were measured, and no more than can happen?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.catalogue.declaration import AgentType, Catalogue, Pool, TaskType
from fleet.scaling.grace import ENOUGH, SHARE, covered, graces


def catalogue(grace: float = 600.0) -> Catalogue:
    return Catalogue(
        agent_types={"a": AgentType(name="a", module="m", runs=("short", "long"))},
        task_types={
            "short": TaskType(name="short", time_limit_seconds=60.0),
            "long": TaskType(name="long", time_limit_seconds=900.0),
        },
        pools={"p": Pool(name="p", agent_type="a", grace_seconds=grace)},
        compatibility={},
    )


def test_while_nothing_was_measured_the_longest_limit_counts() -> None:
    (found,) = graces(catalogue(), {})
    assert found.recommended_seconds == 900
    assert "its time limit, 900 s: 0 runs measured" in found.why
    assert found.advice.startswith("too short: set pools.p.grace_seconds to 900")


def test_the_most_demanding_type_decides() -> None:
    runs = {("p", "short"): [1.0] * 2000, ("p", "long"): [100.0 + n / 100.0 for n in range(2000)], ("q", "long"): [800.0]}
    (found,) = graces(catalogue(300.0), runs)
    assert found.types[0].task_type == "long"
    assert found.recommended_seconds == 130
    assert "999 of 1000 of 2,000 runs took at most 120.0 s" in found.why
    assert found.advice.startswith("longer than needed: 130 would do")
    assert graces(catalogue(200.0), runs)[0].advice == "fits"


@given(st.lists(st.floats(0.001, 600.0), min_size=2, max_size=50), st.floats(1.0, 900.0))
def test_it_covers_what_was_seen_and_stays_within_the_limit(runs: list[float], limit: float) -> None:
    found = covered("t", runs, limit)
    assert found.quantile_seconds <= limit
    assert found.quantile_seconds >= min(max(runs), limit) - 1e-9


@pytest.mark.parametrize("count", [5, 30, 300])
def test_few_runs_still_cover_999_of_1000_nineteen_times_of_twenty_or_nearly(count: int) -> None:
    rng = np.random.default_rng(count)
    true = float(np.exp(2.0 + 3.0902 * 0.8))
    short = sum(
        covered("t", rng.lognormal(2.0, 0.8, count).tolist(), 1e6).quantile_seconds < true for _ in range(200)
    )
    assert short <= 20


def test_a_thousand_runs_are_read_off() -> None:
    runs = np.random.default_rng(1).exponential(10.0, ENOUGH).tolist()
    assert covered("t", runs, 1e6).quantile_seconds == pytest.approx(float(np.quantile(runs, SHARE)))
