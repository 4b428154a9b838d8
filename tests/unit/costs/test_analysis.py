"""Analysis: exact sums, honest lines and intervals, and anomalies a type shows against itself only."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.costs.analysis import analyse
from fleet.costs.entries import Entry, columns
from fleet.costs.suggestions import suggest
from fleet.costs.trends import DAY_MS, Interval, Trend, project_month, trend, whole_days

NOW = int(datetime(2026, 6, 20, 12, tzinfo=UTC).timestamp() * 1000)


def entry(number: int, **given: object) -> Entry:
    usual: dict[str, object] = {
        "call_id": f"call{number}",
        "at": NOW,
        "kind": "call",
        "task_id": f"task{number}",
        "attempt": 1,
        "tenant": "t",
        "task_type": "code_generation",
        "agent_type": "code_generator",
        "model": "gpt-5",
        "provider": "openai",
        "input_tokens": 10,
        "output_tokens": 20,
        "cached_input_tokens": 0,
        "reasoning_tokens": 0,
        "micros": 1000,
        "estimated": False,
        "origin": "here",
    }
    return Entry(**(usual | given))  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 10**9), st.sampled_from(["a", "b", "c"]), st.integers(0, 40)), max_size=60))
def test_every_breakdown_adds_up_to_the_exact_total(rows: list[tuple[int, str, int]]) -> None:
    entries = [entry(i, micros=m, model=name, at=NOW - age * DAY_MS) for i, (m, name, age) in enumerate(rows)]
    found = analyse(columns(entries), NOW)
    total = sum(micros for micros, _, _ in rows)
    assert found.total == total == sum(found.daily.values())
    assert all(sum(part.values()) == total for part in found.breakdown.values())
    assert found.tokens == 30 * len(rows)


def test_nothing_spent_is_an_analysis_too() -> None:
    found = analyse(columns([]), NOW)
    assert (found.total, found.trend.direction, found.suggestions) == (0, "unknown", ())
    assert found.as_dict()["total_usd"] == "0.000000"


def test_the_line_is_least_squares() -> None:
    days = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0])
    slope, _ = np.polyfit(np.arange(7), days, 1)
    line = trend(days)
    assert line.slope.value == pytest.approx(slope)
    assert line.direction == "flat"
    assert trend(np.arange(7) * 1e6).direction == "rising"
    assert trend(-np.arange(7) * 1e6).direction == "falling"
    assert trend(np.full(7, 5e6)).direction == "flat"


def test_quiet_days_count_and_today_does_not() -> None:
    days = whole_days(NOW // DAY_MS - 3, np.array([5, 0, 7, 99]), NOW)
    assert list(days) == [5, 0, 7]
    assert list(whole_days(NOW // DAY_MS - 9, np.array([1] * 3), NOW)) == [1] + [0] * 6


def test_the_month_is_projected_from_what_is_left_of_it() -> None:
    # 20 June, noon: ten and a half days are left.
    steady = project_month(20_000_000, np.full(7, 1e6), NOW)
    assert steady == Interval(30_500_000, 30_500_000, 30_500_000)
    noisy = project_month(20_000_000, np.array([0.0, 2e6] * 3 + [1e6]), NOW)
    assert noisy.low < noisy.value < noisy.high
    assert noisy.low >= 20_000_000


def history(seed: int, types: tuple[str, ...], today_factor: float) -> list[Entry]:
    draw, entries = random.Random(seed), []
    for day in range(29):
        for number in range(20):
            for task_type in types:
                factor = today_factor if day == 0 and task_type == types[0] else 1.0
                entries.append(
                    entry(
                        len(entries),
                        at=NOW - day * DAY_MS - number * 60_000,
                        task_type=task_type,
                        micros=round(factor * draw.lognormvariate(9, 0.4)),
                    )
                )
    return entries


def test_a_type_that_costs_four_times_its_usual_is_found_and_its_neighbour_is_not() -> None:
    found = analyse(columns(history(1, ("code_generation", "general"), 4.0)), NOW).anomalies
    assert {a.task_type for a in found} == {"code_generation"}
    assert {a.what for a in found} >= {"spend per day", "cost per task"}
    assert all(a.now > a.usual for a in found)


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_days_are_no_anomaly(seed: int) -> None:
    assert analyse(columns(history(seed, ("code_generation", "general"), 1.0)), NOW).anomalies == ()


def test_a_success_pays_for_failures_retries_and_pool_time() -> None:
    entries = []
    for number in range(100):
        entries.append(entry(number, micros=900))
        entries.append(
            entry(1000 + number, task_id=f"task{number}", kind="replica", model="", micros=100, ok=number % 4 != 0)
        )
    [success] = analyse(columns(entries), NOW).per_success
    assert (success.tasks, success.succeeded) == (100, 75)
    assert success.cost is not None
    assert success.cost.value == pytest.approx(100 * 1000 / 75)
    assert success.cost.low < success.cost.value < success.cost.high


def test_the_suggestions_of_the_reference() -> None:
    rising = Trend(7, Interval(2e6, 1e6, 3e6), "rising")
    found = suggest(
        {"gpt-5": 60_000_000, "gpt-4o": 40_000_000}, rising, 85_000_000, 100_000_000, Interval(9e7, 9e7, 9e7)
    )
    assert [(s.kind, s.severity) for s in found] == [("month", "critical"), ("trend", "watch"), ("substitute", "info")]
    assert found[-1].saves == 18_000_000
    assert "gpt-4o" in found[-1].text
    quiet = suggest({"a": 1, "b": 1, "c": 1}, Trend(7, Interval(0, 0, 0), "flat"), 10, 100, Interval(50, 40, 60))
    assert quiet == []
