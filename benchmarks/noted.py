"""Which task does the burst benchmark run, and who began and ended what?

A task notes its start and its end in a file: a process that was killed in between leaves a start without an end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from workers.base import agent_task
from workers.run import Run


class Wait(BaseModel):
    """Wait so many seconds, and note start and end."""

    seconds: float = Field(ge=0, le=100)
    log: str


@dataclass(frozen=True, slots=True)
class Note:
    """One line: a task began or ended."""

    at: float
    what: str
    task_id: str


@agent_task("noted", payload=Wait)
def noted(payload: Wait, run: Run) -> dict[str, Any]:
    """Note the start, wait, note the end."""
    _note(payload.log, "start", run)
    time.sleep(payload.seconds)
    _note(payload.log, "end", run)
    return {}


def read(log: Path) -> list[Note]:
    lines = [line.split() for line in log.read_text().splitlines()]
    return [Note(float(at), what, task_id) for at, what, task_id in (line for line in lines if len(line) == 3)]


def in_flight(notes: Iterable[Note]) -> set[str]:
    """Return the tasks that began and did not end."""
    running: set[str] = set()
    for note in notes:
        (running.add if note.what == "start" else running.discard)(note.task_id)
    return running


def _note(log: str, what: str, run: Run) -> None:
    """Append one line in a single write, so that lines of many processes never mix."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, f"{time.time():.6f} {what} {run.task_id}\n".encode())
    finally:
        os.close(handle)
