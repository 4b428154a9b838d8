"""Escalation: start where success is cheapest, never skip the best, and measure what it saves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import climbing
from fleet.costs.downgrade import Downgrade, check_rules, downgraded
from fleet.costs.escalation import ArmTotals, Outcome, Rung, plan, savings
from fleet.errors import ConfigurationError

LADDER = (Rung("cheap", 1_000, 0.7), Rung("middle", 4_000, 0.8), Rung("best", 20_000, 0.95))
rates = st.integers(0, 100)


@given(rates, rates, rates, st.text(min_size=1))
def test_a_plan_ends_with_the_best_model_and_never_repeats_one(cheap: int, middle: int, best: int, task: str) -> None:
    outcomes = {
        name: Outcome(won, 100, 100 * rung.micros)
        for name, won, rung in zip(("cheap", "middle", "best"), (cheap, middle, best), LADDER, strict=True)
    }
    found = plan(task, LADDER, outcomes)
    assert found.models[-1] == "best"
    assert len(set(found.models)) == len(found.models)
    assert found == plan(task, LADDER, outcomes)


def test_a_model_that_never_passes_is_not_tried_first() -> None:
    hopeless = {"cheap": Outcome(0, 200, 200_000), "middle": Outcome(190, 200, 800_000)}
    assert plan("task", LADDER, hopeless, hold_out=0).models[0] == "middle"
    assert plan("task", LADDER, {}, hold_out=0).models[0] == "cheap"


def test_the_hold_out_is_its_share_and_sticks_to_the_task() -> None:
    arms = [plan(f"task{i}", LADDER, {}, hold_out=0.1).arm for i in range(4000)]
    assert 0.08 < arms.count("hold-out") / len(arms) < 0.12
    assert plan("task7", LADDER, {}, hold_out=1).models == ("best",)


def test_a_model_that_costs_more_without_being_better_is_left_out() -> None:
    ladder = (Rung("cheap-and-best", 1_000, 0.95), Rung("dear", 4_000, 0.9))
    assert plan("task", ladder, {}, hold_out=0).models == ("cheap-and-best",)


def test_after_failed_checks_comes_the_next_rung() -> None:
    found = plan("task", LADDER, {}, hold_out=0)
    assert found.after(["cheap"]) == "middle"
    assert found.after(["cheap", "middle", "best"]) is None


def test_escalating_succeeds_like_the_best_model_for_much_less() -> None:
    measured = climbing.measure()
    assert len(climbing.FUNCTIONS) >= 30
    assert measured.success >= measured.success_held_out - 0.03
    assert measured.low >= 0.30, measured
    assert measured.low < measured.share < measured.high


def test_savings_need_both_arms() -> None:
    assert savings(ArmTotals(), ArmTotals().with_task(True, 5)) is None


def test_downgrades_are_announced_and_only_when_asked_for() -> None:
    assert not downgraded("gpt-5", "").changed
    asked = downgraded("gpt-5", "research")
    assert asked == Downgrade("gpt-5", "gpt-4o", "budget 'research' runs low: gpt-4o stands in for gpt-5")
    assert not downgraded("unmapped", "research").changed


@pytest.mark.parametrize("rules", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "b"}])
def test_downgrade_rules_that_run_in_a_circle_are_refused(rules: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="circle"):
        check_rules(rules)
