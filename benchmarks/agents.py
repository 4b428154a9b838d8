"""Which task types does a benchmark run?"""

from __future__ import annotations

import os
import time
from typing import Any

from workers.base import agent_task
from workers.run import Run


@agent_task("noop")
def noop(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Do nothing, and tell when."""
    return {"started": time.time(), "at": payload.get("at", 0.0)}


@agent_task("nap")
def nap(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Take as long as a task of this size takes where one is as fast as BENCH_SPEED says."""
    time.sleep(payload["size"] / float(os.environ["BENCH_SPEED"]))
    return {}
