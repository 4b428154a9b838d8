"""Does one setting meet the wait goal for less than what people run today, on workloads it was not tuned on?"""

from __future__ import annotations

import pytest

from fleet.scaling.targets import DecisionSettings
from fleet.simulation.scaling.backtest import CLAIRVOYANT, Backtest, averaged, play
from fleet.simulation.scaling.contenders import CONTENDERS
from fleet.simulation.scaling.pool_values import PoolShape
from fleet.simulation.scaling.workload import diurnal, sparse

RIVALS = tuple(c for c in CONTENDERS if c.name in ("staffing", "keda list length 5", "keda in-flight 80%"))


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    return play(diurnal(23, days=0.2, bursts=12), PoolShape(), DecisionSettings(), RIVALS, seed=23)


def test_waits_are_kept_near_the_clairvoyant_cost(backtest: Backtest) -> None:
    ours = backtest.row("staffing")
    assert ours.within_30_seconds >= 0.985
    assert ours.against_clairvoyant <= 1.5
    assert backtest.row(CLAIRVOYANT).within_30_seconds >= 0.99


def test_it_costs_no_more_than_list_length_and_a_fifth_less_than_in_flight(backtest: Backtest) -> None:
    ours, listed = backtest.row("staffing"), backtest.row("keda list length 5")
    assert ours.within_30_seconds > listed.within_30_seconds
    assert ours.replica_hours <= listed.replica_hours
    assert ours.replica_hours <= 0.85 * backtest.row("keda in-flight 80%").replica_hours


def test_nothing_is_killed(backtest: Backtest) -> None:
    assert backtest.row("staffing").killed == 0


def test_the_same_seed_gives_the_same_figures() -> None:
    once, again = (play(diurnal(5, days=0.02), PoolShape(), DecisionSettings(), RIVALS[:1], seed=5) for _ in range(2))
    assert once.rows == again.rows
    assert averaged([once, again]) == once.rows


def test_rivals_with_a_short_grace_kill_work() -> None:
    work = diurnal(7, days=0.05, bursts=40)
    rival = [c for c in CONTENDERS if c.name in ("staffing", "keda list length 5")]
    played = play(work, PoolShape(), DecisionSettings(), rival, seed=7, kill_after_seconds=30.0)
    assert played.row("keda list length 5").killed > 0
    assert played.row("staffing").killed == 0


def test_a_pool_that_may_go_to_zero_finishes_under_every_contender() -> None:
    work = sparse(3, tasks_per_day=200.0, days=0.25)
    played = play(work, PoolShape(minimum=0), DecisionSettings(), seed=3)
    always_one = play(work, PoolShape(minimum=1), DecisionSettings(), CONTENDERS[:1], seed=3)
    assert len(played.rows) == len(CONTENDERS) + 1
    assert played.row("staffing").replica_hours < 0.8 * always_one.row("staffing").replica_hours
