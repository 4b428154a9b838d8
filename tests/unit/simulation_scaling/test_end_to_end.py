"""Do dispatch and scaling together lose nothing, kill nothing, and beat the reference pair?"""

from __future__ import annotations

import numpy as np
import pytest

from fleet.simulation.scaling.end_to_end import REFERENCE, FleetRow, System, against, day, play, systems
from fleet.simulation.scaling.fleet_simulator import ElasticFleet

WORK = day(seed=11, rate=8.0, days=0.06)


def system(name: str) -> System:
    return next(found for found in systems() if found.name.startswith(name))


@pytest.fixture(scope="module")
def rows() -> list[FleetRow]:
    return [play(WORK, system(name), seed=11) for name in (REFERENCE, "late_binding (price 2)")]


def test_better_waits_and_response_for_no_more_money(rows: list[FleetRow]) -> None:
    ratio = against(rows)[rows[1].system]
    assert ratio["dollars"] <= 1.0
    assert ratio["response"] <= 0.8
    assert rows[1].within_30_seconds >= max(rows[0].within_30_seconds, 0.98)


def test_nothing_is_killed_or_lost(rows: list[FleetRow]) -> None:
    assert all(row.killed == 0 and row.succeeded > 0.99 for row in rows)


@pytest.mark.parametrize("name", ["late_binding (price 2)", "ai_optimized + keda list"])
def test_books_balance_when_all_is_over(name: str) -> None:
    chosen = system(name)
    fleet = ElasticFleet(WORK, chosen.dispatcher(WORK), seed=1)
    outcome = fleet.run(chosen.controller())
    assert int(fleet.held.sum()) == 0
    assert all(book.running == 0 and not book.queue for book in fleet.books)
    assert np.all(outcome.wait >= -1e-9)
    assert np.all(outcome.response >= outcome.wait)
    assert outcome.replica_seconds.sum() > outcome.response.sum() / 1e6
