"""Which Celery task is worked on game days?"""

from __future__ import annotations

import os
import time
from typing import Any

from workers.base import agent_task
from workers.gameday.payload import GameDay
from workers.run import Run


@agent_task("gameday", payload=GameDay)
def gameday(payload: GameDay, run: Run) -> dict[str, Any]:
    """Note the start, work, note the end; the log's order is the operating system's."""
    note(payload.log, "start", run.task_id, run.attempt)
    time.sleep(payload.seconds)
    note(payload.log, "end", run.task_id, run.attempt)
    return {"attempt": run.attempt}


def note(log: str, what: str, task_id: str, attempt: int) -> None:
    """Append one line in a single write, so that lines of many processes never mix. No clock step reaches this clock."""
    line = f"{time.monotonic():.6f} {what} {task_id} {attempt} {os.getpid()} {os.getppid()}\n"
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)
