"""Do real processes follow a burst from zero and back, and leave in the middle of their work without a loss?

Small size of `fleet bench burst`, which measures how fast they are.
"""

from __future__ import annotations

import math
import os

import pytest

from benchmarks.burst import measure

pytestmark = pytest.mark.timeout(600)


def test_out_from_zero_in_while_tasks_run_and_back_to_zero_lose_nothing() -> None:
    whole = os.environ.get("FLEET_TEST_SCALE") == "full"
    report = measure(200, 15.0, 45.0) if whole else measure(12, 3.0, 30.0)
    assert all(burst.most_replicas > 0 and math.isfinite(burst.target_right_seconds) for burst in report.bursts)
    assert report.running_when_told_to_leave > 0, "replicas that leave idle prove nothing"
    assert (report.interrupted, report.ran_again, report.killed_processes) == (0, 0, 0)
    assert report.started == report.ended
