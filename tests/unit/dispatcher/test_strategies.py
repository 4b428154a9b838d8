"""Does every strategy follow its formula, explain itself and refuse what cannot run?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.dispatcher import strategies
from fleet.dispatcher.scoring import (
    PoolView,
    TaskView,
    ai_optimized_terms,
    completion_terms,
    complexity_fitness,
    outcomes_after,
    response_after,
    success_rate,
)
from fleet.dispatcher.strategies import Ranking, register, strategy_named, strategy_names
from fleet.errors import ConfigurationError, UnknownName

TASK = TaskView("code_generation", complexity=0.5, size_seconds=20)
RANKED = [name for name in strategy_names() if name != "late_binding"]


def chosen_over(name: str, pools: tuple[PoolView, ...], rounds: int) -> list[str | None]:
    state: Mapping[str, float] = {}
    picks = []
    for _ in range(rounds):
        ranking = strategy_named(name)(TASK, pools, state)
        state = ranking.state
        picks.append(ranking.chosen)
    return picks


def test_ai_optimized_is_the_weighted_sum() -> None:
    pool = PoolView("a", slots=10, running=4, weight=8, compatibility=0.3, success_rate=0.9, response_seconds=3.0)
    terms = ai_optimized_terms(TASK, pool)
    fitness = 0.1 * (1 - 3 / 5)
    expected = {"success_rate": 0.27, "response_time": 0.0625, "load": 0.12, "compatibility": 0.045}
    assert terms == pytest.approx(expected | {"complexity_fitness": fitness})
    ranking = strategy_named("ai_optimized")(TASK, (pool,), {})
    assert ranking.candidates[0].score == pytest.approx(0.5375)
    unknown = PoolView("a", slots=10)
    assert ai_optimized_terms(TASK, unknown)["compatibility"] == pytest.approx(0.075)


@pytest.mark.parametrize(
    ("complexity", "weight", "fitness"), [(0.3, 1, 1.0), (0.31, 5, 1.0), (0.7, 1, 0.2), (0.71, 10, 1.0), (1.0, 3, 0.3)]
)
def test_complexity_fitness_has_three_regimes(complexity: float, weight: int, fitness: float) -> None:
    assert complexity_fitness(complexity, weight) == pytest.approx(fitness)


def test_learned_inputs_follow_their_definitions() -> None:
    assert response_after(None, 8.0) == 8.0
    assert response_after(8.0, 18.0) == pytest.approx(9.0)
    outcomes: tuple[bool, ...] = ()
    assert success_rate(outcomes) == 1.0
    for index in range(150):
        outcomes = outcomes_after(outcomes, index >= 100)
    assert (len(outcomes), success_rate(outcomes)) == (100, 0.5)


def test_round_robin_takes_turns_and_skips_the_full() -> None:
    pools = (PoolView("a", slots=1), PoolView("b", slots=1, running=1), PoolView("c", slots=1))
    assert chosen_over("round_robin", pools, 4) == ["a", "c", "a", "c"]


def test_least_connections_takes_the_fewest_running() -> None:
    pools = (PoolView("a", slots=50, running=7), PoolView("b", slots=10, running=6))
    assert chosen_over("least_connections", pools, 1) == ["b"]


def test_weighted_round_robin_is_smooth() -> None:
    pools = (PoolView("a", slots=9, weight=5), PoolView("b", slots=9, weight=1), PoolView("c", slots=9, weight=1))
    assert "".join(str(pick) for pick in chosen_over("weighted_round_robin", pools, 7)) == "aabacaa"


def test_expected_completion_weighs_queue_against_speed_and_success() -> None:
    busy_fast = PoolView("fast", slots=2, running=3, speed=0.5, service_seconds=10)
    idle_slow = PoolView("slow", slots=2, speed=1.5)
    assert completion_terms(TASK, busy_fast) == {"wait": 10.0, "service": 10.0}
    assert chosen_over("least_expected_completion", (busy_fast, idle_slow), 1) == ["fast"]
    flaky = PoolView("flaky", slots=2, speed=0.5, success=0.25)
    assert chosen_over("least_expected_completion", (busy_fast, flaky), 1) == ["fast"]


def test_rejections_name_their_reason() -> None:
    pools = (
        PoolView("incapable", slots=4, is_capable=False),
        PoolView("empty", slots=0),
        PoolView("sick", slots=4, is_out=True),
        PoolView("full", slots=4, running=4),
        PoolView("tried", slots=4),
        PoolView("free", slots=4),
    )
    task = TaskView("code_generation", excluded=frozenset({"tried"}))
    ranking = strategy_named("ai_optimized")(task, pools, {})
    assert ranking.chosen == "free"
    assert {r.pool: r.reason for r in ranking.rejected} == {
        "incapable": "not capable of code_generation",
        "empty": "no worker ready",
        "sick": "ejected after failures",
        "full": "at capacity (4/4)",
        "tried": "failed this task before",
    }


def test_a_task_is_not_stranded_by_exclusion_or_ejection() -> None:
    task = TaskView("code_generation", excluded=frozenset({"a"}))
    assert strategy_named("round_robin")(task, (PoolView("a", slots=1),), {}).chosen == "a"
    assert strategy_named("round_robin")(task, (PoolView("a", slots=1, is_out=True),), {}).chosen == "a"


def test_nothing_free_is_an_answer_with_a_reason() -> None:
    ranking = strategy_named("ai_optimized")(TASK, (PoolView("a", slots=1, running=1),), {})
    assert ranking.chosen is None
    assert ranking.reason == "ai_optimized: no pool can take it now (a: at capacity (1/1))"
    assert "there are no pools" in strategy_named("round_robin")(TASK, (), {}).reason


def test_an_unknown_strategy_names_the_choices() -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'round_robin'.*late_binding"):
        strategy_named("round_robbin")


def test_users_register_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategies, "_STRATEGIES", dict(strategies._STRATEGIES))

    @register("always_first")
    def always_first(task: TaskView, pools: tuple[PoolView, ...], state: Mapping[str, float]) -> Ranking:
        able, rejected = strategies.screen(task, pools)
        return Ranking("always_first", tuple(strategies.Candidate(p.name, 0.0, {}) for p in able), rejected, state)

    assert strategy_named("always_first") is always_first
    assert "always_first" in strategy_names()
    taken: Callable[..., object] = register("round_robin")
    with pytest.raises(ConfigurationError, match="already registered"):
        taken(always_first)


def test_complexity_outside_its_range_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"is 1\.2: use 0"):
        TaskView("code_generation", complexity=1.2)


POOL = st.builds(
    PoolView,
    name=st.just("p"), slots=st.integers(0, 8), running=st.integers(0, 12), weight=st.integers(1, 10),
    is_capable=st.booleans(), is_out=st.booleans(), compatibility=st.none() | st.floats(0, 1),
    success_rate=st.floats(0, 1), response_seconds=st.floats(0, 1e4), speed=st.floats(0.1, 10),
    success=st.floats(0.02, 1), service_seconds=st.floats(0.1, 1e3),
)  # fmt: skip


@given(st.sampled_from(RANKED), st.lists(POOL, max_size=6), st.sets(st.sampled_from("012345")))
def test_every_pool_is_either_candidate_or_rejected_and_the_choice_can_run_it(
    name: str, pools: list[PoolView], excluded: set[str]
) -> None:
    named = tuple(
        PoolView(**{slot: getattr(pool, slot) for slot in PoolView.__slots__} | {"name": str(index)})
        for index, pool in enumerate(pools)
    )
    ranking = strategy_named(name)(TaskView("t", excluded=frozenset(excluded)), named, {})
    seen = Counter([c.pool for c in ranking.candidates] + [r.pool for r in ranking.rejected])
    assert seen == Counter(pool.name for pool in named)
    assert [c.score for c in ranking.candidates] == sorted((c.score for c in ranking.candidates), reverse=True)
    for candidate in ranking.candidates:
        pool = next(pool for pool in named if pool.name == candidate.pool)
        assert pool.is_capable
        assert pool.slots > 0
        assert name == "least_expected_completion" or pool.running < pool.slots
