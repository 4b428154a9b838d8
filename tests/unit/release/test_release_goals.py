"""Is a breach seen at once, chance forgiven, and silence never taken for health?"""

from __future__ import annotations

import re

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.release.goals import Goals, Look, judge, missed
from fleet.release.watch import QUERIES, of_track, queries
from fleet.telemetry.metrics import SERIES

GOOD = Look(True, 50, 1.0, 2.0, 0.0)
BAD = Look(True, 50, 0.5, 2.0, 0.0)


def test_one_bad_look_is_forgiven_and_two_in_a_row_are_not() -> None:
    goals = Goals(patience=2)
    assert judge([BAD], goals, is_over=False) is None
    assert judge([BAD, GOOD, BAD], goals, is_over=False) is None
    verdict = judge([GOOD, BAD, BAD], goals, is_over=False)
    assert verdict is not None
    assert not verdict.ok
    assert verdict.reason == "success rate 50.0% is below 95.0%"


def test_a_bad_end_is_a_breach_even_alone() -> None:
    verdict = judge([GOOD, BAD], Goals(), is_over=True)
    assert verdict is not None
    assert not verdict.ok


def test_nothing_measured_is_no_proof() -> None:
    verdict = judge([Look(), Look()], Goals(), is_over=True)
    assert verdict is not None
    assert not verdict.ok
    assert "no metrics" in verdict.reason


def test_a_fleet_without_traffic_keeps_its_goals() -> None:
    verdict = judge([Look(seen=True)] * 3, Goals(), is_over=True)
    assert verdict is not None
    assert verdict.ok
    assert "0 of them with enough tasks" in verdict.reason


@pytest.mark.parametrize(
    ("look", "says"),
    [
        (Look(True, 50, 0.9, 1, 0), "success rate"),
        (Look(True, 50, 1, 61, 0), "p95"),
        (Look(True, 0, None, None, 0.1), "error rate"),
        (Look(problem="connection refused"), "cannot measure"),
    ],
)
def test_every_goal_can_be_missed(look: Look, says: str) -> None:
    [complaint] = missed(look, Goals())
    assert says in complaint


@given(rate=st.floats(0, 1), seconds=st.floats(0, 1e6), tasks=st.floats(0, 4.9))
def test_few_tasks_say_nothing(rate: float, seconds: float, tasks: float) -> None:
    assert missed(Look(True, tasks, rate, seconds, 0.0), Goals()) == []


@pytest.mark.parametrize("selector", ["", of_track("green"), 'job="fleet",namespace="x"'])
def test_queries_are_promql_over_metrics_that_exist(selector: str) -> None:
    for name, query in queries(selector, 60).items():
        promql_parser.parse(query)
        names = set(re.findall(r"\b(?:fleet|ai)_\w+", query))
        assert names, name
        assert names <= set(SERIES)
        assert not selector or query.count(selector) == QUERIES[name].count("{more}") + QUERIES[name].count("{own}")
