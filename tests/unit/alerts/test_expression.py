"""Does the language read what PromQL reads, mean what it means, and explain what it refuses?"""

from __future__ import annotations

import math

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.alerts import check, syntax
from fleet.alerts.expression import ExpressionError, duration, parse
from fleet.alerts.rulebook import load
from fleet.alerts.vectors import Evaluation
from fleet.alerts.windows import Moment, Vector
from fleet.errors import ConfigurationError


def labelled(**values: float) -> Vector:
    return {(("pool", pool),): value for pool, value in values.items()}


NOW = Moment(
    0.0,
    {
        "fleet_target_replicas": labelled(a=4, b=0, c=2),
        "fleet_ready_replicas": labelled(a=4, c=1),
        "fleet_pool_slots": {
            (("pool", "a"), ("use", "busy")): 3.0,
            (("pool", "a"), ("use", "free")): 1.0,
            (("pool", "b"), ("use", "busy")): 5.0,
        },
    },
)


def holding(text: str, *moments: Moment) -> Vector:
    return Evaluation(moments or (NOW,)).vector(parse(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fleet_target_replicas > 1", labelled(a=4, c=2)),
        ('fleet_target_replicas{pool="c"}', labelled(c=2)),
        ('fleet_target_replicas{pool=~"a|b"}', labelled(a=4, b=0)),
        ('fleet_target_replicas{pool!~"a|b"}', labelled(c=2)),
        ('fleet_target_replicas{pool!="a"} == 0', labelled(b=0)),
        ("1 < fleet_target_replicas", labelled(a=4, c=2)),
        ("fleet_ready_replicas < fleet_target_replicas", labelled(c=1)),
        ("fleet_target_replicas > 0 unless on (pool) fleet_ready_replicas > 1", labelled(c=2)),
        ("fleet_target_replicas > 0 and fleet_ready_replicas > 1", labelled(a=4)),
        ("fleet_ready_replicas or fleet_target_replicas", labelled(a=4, b=0, c=1)),
        ("sum by (pool) (fleet_pool_slots)", labelled(a=4, b=5)),
        ("sum without (use) (fleet_pool_slots)", labelled(a=4, b=5)),
        ("sum(fleet_pool_slots)", {(): 9.0}),
        ("count(fleet_pool_slots > 1)", {(): 2.0}),
        ("max by (use) (fleet_pool_slots)", {(("use", "busy"),): 5.0, (("use", "free"),): 1.0}),
        ("-fleet_ready_replicas", labelled(a=-4, c=-1)),
        ("2 - fleet_ready_replicas * 2", labelled(a=-6, c=0)),
        ("fleet_ready_replicas / fleet_target_replicas", labelled(a=1, c=0.5)),
        ("absent(ai_agent_load)", {(): 1.0}),
        ("absent(fleet_pool_slots)", {}),
        ("clamp_min(fleet_ready_replicas, 2)", labelled(a=4, c=2)),
    ],
)
def test_vectors_mean_what_promql_means(text: str, expected: Vector) -> None:
    promql_parser.parse(text)
    assert holding(text) == expected


def moments(*values: float | None) -> list[Moment]:
    return [
        Moment(60.0 * number, {"x_total": {} if value is None else {(): value}}) for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("increase(x_total[5m])", (0, 10, 20, 30, 40, 50), 50),
        ("rate(x_total[5m])", (0, 10, 20, 30, 40, 50), 50 / 300),
        ("increase(x_total[2m])", (0, 10, 20, 30, 40, 50), 20),
        ("increase(x_total[5m])", (50, 60, 5, 15, 25, 35), 10 + 5 + 30),  # a reset counts from zero
        ("increase(x_total[5m])", (None, None, None, 3, 4, 7), 7),  # counted for the first time inside the window
        ("max_over_time(x_total[5m])", (1, 9, 2), 9),
        ("avg_over_time(x_total[5m])", (1, 9, 2), 4),
        ("delta(x_total[5m])", (9, 1, 2), -7),
    ],
)
def test_windows(text: str, values: tuple[float | None, ...], expected: float) -> None:
    assert holding(text, *moments(*values))[()] == pytest.approx(expected)


def test_a_series_nobody_recorded_earlier_has_no_growth() -> None:
    unrecorded = [Moment(0.0, {}), Moment(60.0, {"x_total": {(): 1_000_000.0}})]
    assert holding("increase(x_total[5m])", *unrecorded) == {}


def test_quantiles_interpolate_inside_the_bucket() -> None:
    buckets = {(("le", le),): count for le, count in (("1.0", 50.0), ("5.0", 90.0), ("+Inf", 100.0))}
    found = holding("histogram_quantile(0.7, x_bucket)", Moment(0.0, {"x_bucket": buckets}))
    assert found[()] == pytest.approx(1 + 4 * (70 - 50) / 40)
    top = holding("histogram_quantile(0.99, x_bucket)", Moment(0.0, {"x_bucket": buckets}))
    assert top[()] == 5.0


def test_nothing_compares_with_nothing() -> None:
    zero = Moment(0.0, {"x": {(): 0.0}})
    assert math.isnan(holding("x / x", zero)[()])
    assert holding("x / x > 0", zero) == {}


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("ai_agent_load >", 16, "ends where"),
        ("rat(ai_agent_load[5m])", 1, "did you mean 'rate'"),
        ("rate(ai_agent_load)", 1, "with a window"),
        ("ai_agent_load{pool=x}", 15, "label matcher"),
        ('ai_agent_load{agent_id=~"(a+)+$"}', 25, "pattern"),
        ("(ai_agent_load", 15, "ends where"),
        ("ai_agent_load ai_agent_load", 15, "unexpected"),
        ("ai_agent_load $ 3", 15, "cannot read"),
        ("sum by pool (ai_agent_load)", 8, "expected '('"),
        ("__import__('os').system('id')", 17, "cannot read"),
        ("(" * 60 + "1" + ")" * 60, 51, "nested deeper"),
        ("x" * 3000, 2000, "3000 characters"),
    ],
)
def test_errors_name_the_column_and_what_would_fit(text: str, column: int, problem: str) -> None:
    with pytest.raises(ExpressionError, match="column") as caught:
        parse(text)
    assert caught.value.column == column
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ai_agent_sucess_rate < 0.9", "did you mean 'ai_agent_success_rate'"),
        ('ai_agent_load{agentid="x"} > 1', "did you mean 'agent_id'"),
        ('fleet_tasks{state="hold"} > 1', "did you mean 'held'"),
        ("sum by (pol) (fleet_pool_slots) > 1", "did you mean 'pool'"),
        ("rate(ai_agent_load[5m]) > 1", "gauge"),
        ("fleet_task_wait_seconds > 1", "is a histogram"),
        ("ai_agent_load[5m] > 1", "has a window"),
        ("1 > 0", "a number, not a statement"),
        ("ai_agent_load > 1 and 1", "joins sets"),
        ("increase(fleet_fenced_total[30d]) > 1", "longer than the 3 days"),
    ],
)
def test_conditions_are_checked_against_the_metrics_table(text: str, problem: str) -> None:
    assert any(problem in found for found in check.problems(parse(text))), list(check.problems(parse(text)))


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("7d", 604_800), ("3", 3)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["5 minutes", "m5", "", "5x", "-5m"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no duration"):
        duration(text)


PIECES = [*"abx01.{}[]()=~!<>\"'+-*/%,|& \n\\", "sum ", "by ", "rate", "and ", "x", "[5m]", "> 1"]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text_is_a_tree_or_an_error(text: str) -> None:
    try:
        node = parse(text)
    except ExpressionError as refused:
        column = refused.column
    else:
        column = 1
        list(check.problems(node))
        Evaluation((NOW,)).vector(node)
    assert 1 <= column <= len(text) + 1


@pytest.mark.parametrize("name", load().rules)
def test_rules_in_the_box_are_promql_and_compare_something(name: str) -> None:
    rule = load().rules[name]
    promql_parser.parse(rule.expr)
    assert list(check.problems(rule.node)) == []
    assert syntax.selectors(rule.node)
