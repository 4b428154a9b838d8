"""Is only proposed what its own backtest supports?"""

from __future__ import annotations

import math
from typing import Any

import pytest

from fleet.simulation.planning.plan import proposals, reached_on, settled
from fleet.simulation.planning.trials import OPEN, Trial


def trial(late: float, hours: float, most: int = 4, relaxes: bool = False, **changes: Any) -> Trial:
    return Trial(changes, late, 1.0, hours, hours * 0.2, most, 1, relaxes)


def test_settings_that_keep_the_promise_cheapest_stay() -> None:
    assert proposals([trial(0.001, 50), trial(0.02, 40, min_replicas="0"), trial(0.001, 49.9, x="1")], 0.01, 30) == ()


def test_a_missed_promise_is_mended_first_and_cheapest() -> None:
    found = proposals([trial(0.05, 50), trial(0.002, 70, max_replicas="9"), trial(0.004, 60, max_replicas="7")], 0.01, 30)
    assert [(p.kind, dict(p.changes), p.usd_a_month) for p in found] == [
        ("keeps the promise", {"max_replicas": "7"}, pytest.approx(-10 * 0.2 * 30))
    ]


def test_relaxing_the_promise_never_mends_it() -> None:
    (found,) = proposals([trial(0.05, 50), trial(0.03, 20, relaxes=True, share="5"), trial(0.02, 60, max_replicas="7")], 0.01, 30)
    assert found.changes == {"max_replicas": "7"}
    assert "still missed" in found.why


def test_savings_and_trades_are_told_apart() -> None:
    found = proposals([trial(0.001, 50), trial(0.008, 45, min_replicas="1"), trial(0.02, 40, relaxes=True, share="5")], 0.01, 31)
    assert [p.kind for p in found] == ["saves money", "trades waits for money"]
    assert found[0].usd_a_month == pytest.approx(5 * 0.2 * 31)


def test_an_open_maximum_gets_what_was_needed_and_room() -> None:
    assert settled(trial(0.0, 1.0, most=16, max_replicas=OPEN)).changes == {"max_replicas": "20"}


def test_a_budget_is_reached_on_its_day_or_holds() -> None:
    assert reached_on(100, 300.0, 30) == pytest.approx(11.0)
    assert reached_on(100, 0.0, 30) == math.inf
    assert reached_on(400, 300.0, 30) > 31
