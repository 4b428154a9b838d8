"""Do the promises hold when a real fleet is broken on purpose? (small size of `fleet gameday`)"""

from __future__ import annotations

import pytest

from workers.gameday.run import chosen, run

pytestmark = pytest.mark.timeout(240)


def test_a_killed_worker_a_killed_process_and_a_killed_broker_lose_nothing() -> None:
    scores = run(chosen(["kill a worker", "kill a pool process", "kill the broker", "restart every worker"]), 18, print)
    assert [(score.name, score.lost, score.doubled) for score in scores] == [(score.name, 0, 0) for score in scores]
    assert all(score.in_flight > 0 for score in scores), "a fault that hits nobody proves nothing"
    assert scores[-1].ran_again == 0, "a rolling restart runs nothing twice"
