"""Which Celery task loads a target?"""

from __future__ import annotations

from typing import Any

from workers.base import agent_task
from workers.performance_tester.payload import PerformanceTest
from workers.performance_tester.test import run_test
from workers.run import Run


@agent_task("performance_test", payload=PerformanceTest)
def performance_test(payload: PerformanceTest, run: Run) -> dict[str, Any]:
    """Load an allow-listed target and judge it against the thresholds."""
    return run_test(payload, run)
