"""Do the numbers say what the samples say, and the verdict what the numbers say?"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.performance_tester.client import Answer, Outcome
from workers.performance_tester.load import CODES, Samples, lone
from workers.performance_tester.payload import Thresholds
from workers.performance_tester.statistics import TIMELINE_POINTS, measure, percentiles_ms
from workers.performance_tester.verdict import check, judge

outcomes = st.sampled_from(Outcome)
latencies = st.floats(0, 100)


@st.composite
def samples(draw: st.DrawFn) -> Samples:
    kinds = draw(st.lists(outcomes, min_size=1, max_size=80))
    rate = draw(st.sampled_from([0.2, 1.0, 7.0, 100.0]))
    due = np.arange(len(kinds)) / rate
    service = np.array([draw(latencies) for _ in kinds])
    finished = due + service + np.array([draw(latencies) for _ in kinds])
    made = Samples(due, finished, service, np.array([CODES[kind] for kind in kinds], dtype=np.int16))
    made.elapsed = float(finished.max()) + 1
    made.busy_share = draw(st.floats(0, 1))
    return made


@given(samples())
def test_every_request_is_counted_once(made: Samples) -> None:
    result = measure(made, 10.0)
    assert result.requests == len(made.outcome) == result.succeeded + sum(result.errors.values())
    assert "ok" not in result.errors
    assert all(result.errors.values())
    assert sum(moment.requests for moment in result.timeline) == result.requests
    assert sum(moment.errors for moment in result.timeline) == result.requests - result.succeeded
    assert 0 <= result.error_rate <= 1
    json.dumps(asdict(result), allow_nan=False)


@given(samples())
def test_percentiles_are_ordered_and_the_timeline_is_bounded(made: Samples) -> None:
    result = measure(made, 10.0)
    values = [result.p50_ms, result.p95_ms, result.p99_ms, result.max_ms]
    if result.p50_ms is None:
        assert values == [None] * 4
    else:
        assert values == sorted(value for value in values if value is not None)
    assert 1 <= len(result.timeline) <= TIMELINE_POINTS + 1


@given(st.lists(latencies, min_size=1, max_size=50), st.sampled_from([1.0, 50.0, 95.0, 99.0, 100.0]))
def test_a_percentile_is_a_seen_value_that_covers_its_rank(seconds: list[float], rank: float) -> None:
    (value,) = percentiles_ms(np.array(seconds), (rank,))
    milliseconds = sorted(round(second * 1000, 3) for second in seconds)
    assert value in milliseconds
    assert sum(one <= value for one in milliseconds) >= rank / 100 * len(seconds) - 1e-9


def test_waiting_counts_even_when_the_request_was_never_sent() -> None:
    made = Samples(np.zeros(2), np.array([0.01, 9.0]), np.array([0.01, np.nan]), np.array([0, CODES[Outcome.NOT_SENT]]))
    made.elapsed = 9.0
    result = measure(made, 1.0)
    assert result.max_ms == 9000
    assert result.service_p99_ms == 10
    assert result.errors == {"not_sent": 1}


def test_a_lone_refusal_measures_nothing_and_breaks_every_threshold() -> None:
    result = measure(lone(Answer(Outcome.REFUSED), 0.001), 50.0)
    assert (result.requests, result.succeeded, result.p99_ms) == (1, 0, None)
    verdict = judge(result, Thresholds(p99_ms=1000, min_throughput=1))
    assert verdict.outcome == "fail"
    assert "p99_ms: nothing was measured, wanted at most 1000: broken" in verdict.reasons


@given(
    samples(),
    st.builds(
        Thresholds,
        p50_ms=st.none() | st.floats(0.1, 1e5),
        p95_ms=st.none() | st.floats(0.1, 1e5),
        p99_ms=st.none() | st.floats(0.1, 1e5),
        error_rate=st.none() | st.floats(0, 1),
        min_throughput=st.none() | st.floats(0.1, 100),
    ),
)
def test_the_verdict_follows_from_the_checks(made: Samples, thresholds: Thresholds) -> None:
    result = measure(made, 10.0)
    checks = check(result, thresholds)
    assert {item.name for item in checks} == {name for name, limit in thresholds if limit is not None}
    verdict = judge(result, thresholds)
    assert (verdict.outcome == "pass") is all(item.holds for item in checks)
    assert (verdict.outcome == "inconclusive") is (verdict.outcome != "pass" and result.generator.saturated)
    assert verdict.reasons


@given(samples())
def test_loosening_a_threshold_never_breaks_it(made: Samples) -> None:
    result = measure(made, 10.0)
    tight = check(result, Thresholds(p95_ms=100, error_rate=0.1, min_throughput=50))
    loose = check(result, Thresholds(p95_ms=1000, error_rate=0.5, min_throughput=5))
    assert all(after.holds for before, after in zip(tight, loose, strict=True) if before.holds)


def test_no_threshold_is_said_to_be_no_judgement() -> None:
    verdict = judge(measure(lone(Answer(Outcome.OK), 0.1), 1.0), Thresholds(error_rate=None))
    assert verdict.outcome == "pass"
    assert "nothing was judged" in verdict.reasons[0]


def test_a_generator_at_its_limit_cannot_fail_a_target() -> None:
    result = measure(lone(Answer(Outcome.OK), 0.1), 1.0)
    busy = replace(result, generator=replace(result.generator, saturated=True))
    assert judge(busy, Thresholds(p95_ms=1)).outcome == "inconclusive"
    assert judge(busy, Thresholds(p95_ms=1000)).outcome == "pass"
