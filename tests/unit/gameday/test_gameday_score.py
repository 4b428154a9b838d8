"""Does the score see what is lost, doubled, late and run again?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.gameday.score import Promise, Score, Strike, parse, percentile, score

LOG = [
    "100.0 start a 1 71 7", "100.2 start b 1 81 8", "100.9 end b 1 81 8", "102.0 start c 1 82 8", "105.0 start a 2 91 9",
    "105.5 end a 2 91 9", "106.0 end c 1 82 8", "torn",
]  # fmt: skip


def judged(promise: Promise | None = None, **changes: object) -> Score:
    given_ = {
        "states": dict.fromkeys("abc", "done"), "accepted": dict.fromkeys("abc", 1), "notes": parse(LOG), "strikes": [Strike(101.0, 7)],
        "finished_at": 106.0,
    } | changes  # fmt: skip
    return score("n", "h", promise or Promise(10.0), **given_)  # type: ignore[arg-type]


def test_an_interrupted_task_that_ran_again_in_time_is_no_fault() -> None:
    seen = judged()
    assert (seen.holds, seen.in_flight, seen.ran_again, seen.lost) == (True, 1, 1, 0)
    assert (seen.detected_seconds, seen.recovered_seconds, seen.finished_seconds) == (4.0, 4.0, 5.0)
    assert seen.silent_seconds == 3.0, "between the starts of c and a"


def test_a_blow_interrupts_those_it_fell_on() -> None:
    assert judged(strikes=[Strike(101.0, 8)]).in_flight == 0
    assert judged(strikes=[Strike(101.0, 71)]).in_flight == 1, "a process of the pool"
    assert judged(strikes=[Strike(103.0)]).in_flight == 2, "everybody"


@pytest.mark.parametrize(
    ("promise", "changes", "why"),
    [
        (Promise(), {"states": {"a": "done", "b": "held", "c": "done"}}, "1 tasks have no result"),
        (Promise(), {"accepted": {"a": 2, "b": 1, "c": 1}}, "1 tasks have two accepted results"),
        (Promise(3.0), {}, "recovery took 4.0 s"),
        (Promise(silent_within=2.0), {}, "nobody started a task for 3.0 s"),
        (Promise(may_run_again=False), {}, "1 tasks ran twice"),
        (Promise(must_hit=False), {"strikes": [Strike(101.0, 8)]}, "1 tasks ran twice that no blow had interrupted"),
        (Promise(only_hit=False), {"strikes": [Strike(101.0, 8)]}, "proves nothing"),
        (Promise(), {"wrong": ["a producer was not told"]}, "a producer was not told"),
    ],
)
def test_what_breaks_the_promise_is_named(promise: Promise, changes: dict[str, object], why: str) -> None:
    seen = judged(promise, **changes)
    assert not seen.holds
    assert why in "; ".join(seen.reasons)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1.0))
def test_a_percentile_is_one_of_the_values_and_few_exceed_it(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value > found for value in values) <= (1 - share) * len(values) + 1e-6
