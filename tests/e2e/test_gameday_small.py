"""Do the promises hold when a real fleet is broken on purpose? (`fleet gameday`, at small size)"""

from __future__ import annotations

import os

import pytest

from workers.gameday.run import Size, chosen, run

pytestmark = pytest.mark.timeout(1200)
IS_FULL = os.environ.get("FLEET_TEST_SCALE") == "full"
SMALL = (
    "kill a worker", "kill a pool process", "kill workers at random", "kill the broker", "cut a worker's network",
    "fill the broker's disk", "freeze a beat",
)  # fmt: skip


def test_nothing_is_lost_or_accepted_twice_whatever_is_broken() -> None:
    size = Size(tasks=48, drain=10_000) if IS_FULL else Size(tasks=18, drain=200)
    scores = run(chosen(() if IS_FULL else SMALL), size, print)
    assert [(score.name, score.lost, score.doubled) for score in scores] == [(score.name, 0, 0) for score in scores]
    # How soon is measured by `fleet gameday`, on a calm machine; a busy one is no bug.
    wrong = [reason for score in scores for reason in score.reasons if " s, promised " not in reason]
    assert wrong == []
