"""Does a fleet with every door shut keep working while all of its credentials change, and keep them to itself?"""

from __future__ import annotations

import os

import pytest

from workers.drill.run import run

SECONDS, EVERY = (600.0, 60.0) if os.environ.get("FLEET_TEST_SCALE") == "full" else (5.0, 20.0)


@pytest.mark.timeout(SECONDS + 300)
def test_credentials_change_under_tasks_and_none_is_found_anywhere() -> None:
    told: list[str] = []
    report = run(SECONDS, EVERY, told.append)
    assert (report.failed, report.refused, report.keys_refused) == (0, 0, 0), report.reasons
    assert report.done > 0
    assert report.connections_cut > 0
    assert all(report.rotations.values()), (report.rotations, report.reasons)
    assert report.restarted == ()
    assert report.beyond_their_list == (), "every program works with only its list"
    assert report.search.is_blind == (), "a place where nothing can be seen proves nothing"
    assert report.search.found == ()
    assert report.is_chain_intact
    assert report.ok
    assert told
