"""Are secrets judged too old exactly from the day they are?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.secrets.age import judge, oldest_first, worst

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "verdict"),
    [
        (0, "fresh"),
        (89.9, "fresh"),
        (90, "warn"),
        (179.9, "warn"),
        (180, "critical"),
        (4000, "critical"),
        (-1, "fresh"),
    ],
)
def test_verdict_by_age(days: float, verdict: str) -> None:
    age = judge("agents/a/llm", 3, NOW - timedelta(days=days), NOW, 90, 180)
    assert age.verdict == verdict
    assert age.reason


@given(st.lists(st.integers(0, 400), max_size=6))
def test_the_worst_verdict_is_the_oldest_secrets(days: list[int]) -> None:
    ages = [judge(f"p{n}", 1, NOW - timedelta(days=d), NOW, 90, 180) for n, d in enumerate(days)]
    ordered = oldest_first(ages)
    assert worst(ages) == (ordered[0].verdict if ordered else "fresh")
    assert sorted((item.age for item in ages), reverse=True) == [item.age for item in ordered]
