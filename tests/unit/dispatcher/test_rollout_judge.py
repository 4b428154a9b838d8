"""Is a worse version taken back, chance forgiven, and a good one given more, step by step?"""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fleet.dispatcher.rollout import Decision, Record, Rollout, Rules, bounds, judge, next_share

ROLLOUT = Rollout("steps", "2", ("job",), (10.0, 50.0, 100.0), 10.0, step_seconds=0)
OLD = Record(100, 100, 1.0, 1.0)
RULES = Rules()


def test_a_fifth_of_failures_is_enough_to_go_back() -> None:
    decision = judge(ROLLOUT, Record(20, 16, 1.0), OLD, 0, RULES)
    assert decision == Decision("roll_back", "16 of 20 attempts succeeded: at most 93.9%, the old version has 100.0%")


def test_a_version_that_only_fails_goes_back_after_a_few() -> None:
    assert judge(ROLLOUT, Record(5, 0), OLD, 0, RULES).action == "roll_back"


def test_one_failure_is_no_verdict() -> None:
    assert judge(ROLLOUT, Record(3, 2), OLD, 0, RULES).action == "hold"
    assert judge(ROLLOUT, Record(20, 19), OLD, 0, RULES).action == "hold"


def test_a_good_version_goes_up_the_steps() -> None:
    good, shares, rollout = Record(30, 30, 1.0, 1.0), [], ROLLOUT
    while (decision := judge(rollout, good, OLD, 0, RULES)).action == "next":
        share = next_share(rollout)
        assert share is not None
        rollout = replace(rollout, share=share)
        shares.append(share)
    assert shares == [50.0, 100.0]
    assert decision.action == "promote"


def test_a_step_lasts_its_time() -> None:
    patient = replace(ROLLOUT, step_seconds=60)
    assert judge(patient, Record(30, 30), OLD, 5, RULES).action == "hold"
    assert judge(patient, Record(30, 30), OLD, 60, RULES).action == "next"


def test_slower_dearer_and_ejected_versions_go_back() -> None:
    for new, says in (
        (Record(30, 30, 2.0), "2.0 times"),
        (Record(30, 30, 1.0, 2.0), "success costs"),
        (Record(5, 5, is_ejected=True), "ejected"),
    ):
        decision = judge(ROLLOUT, new, OLD, 0, RULES)
        assert decision.action == "roll_back"
        assert says in decision.reason


def test_an_equally_bad_version_is_not_blamed() -> None:
    assert judge(ROLLOUT, Record(100, 80), Record(100, 80), 0, RULES).action == "next"


@given(tried=st.integers(1, 1000), share=st.floats(0, 1))
def test_the_bounds_hold_the_share(tried: int, share: float) -> None:
    succeeded = round(tried * share)
    low, high = bounds(succeeded, tried)
    assert 0 <= low <= succeeded / tried + 1e-9
    assert succeeded / tried - 1e-9 <= high <= 1


def test_a_version_as_good_as_the_old_one_is_seldom_taken_back() -> None:
    draw, back = random.Random(1), 0
    for _ in range(300):
        succeeded = 0
        for tried in range(1, 61):
            succeeded += draw.random() < 0.97
            if tried % 10 == 0 and judge(ROLLOUT, Record(tried, succeeded), Record(100, 97), 0, RULES).action == "roll_back":
                back += 1
                break
    assert back <= 15
