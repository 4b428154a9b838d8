"""What can a test make a worker do? Small task types of a test fleet, declared in fleet.yaml beside this file."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import current_task
from celery.exceptions import SoftTimeLimitExceeded

from fleet.app import app
from fleet.dispatcher.errors import PermanentFailure
from workers.base import AgentTask, agent_task
from workers.run import Run


@agent_task("add")
def add(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Add what the step before left, and x and y."""
    before = run.previous
    if isinstance(before, list):
        before = sum(row["sum"] for row in before)
    elif isinstance(before, dict):
        before = before["sum"]
    return {"sum": (before or 0) + payload.get("x", 0) + payload.get("y", 0), "tenant": run.tenant, "attempt": run.attempt}


def nap(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Sleep, and write down every start and end."""
    journal = Path(payload["journal"]) if "journal" in payload else None
    _write(journal, f"start {run.task_id} {run.attempt} {os.getpid()}")
    try:
        time.sleep(payload.get("seconds", 0.0))
    except SoftTimeLimitExceeded:
        if not payload.get("deaf"):
            return {"interrupted": True}
        time.sleep(payload["seconds"])
    _write(journal, f"end {run.task_id} {run.attempt} {os.getpid()}")
    return {"attempt": run.attempt}


agent_task("nap")(nap)
agent_task("nap_apart")(nap)
agent_task("nap_long")(nap)


@agent_task("mishap")
def mishap(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Fail in the way asked for."""
    match payload["how"]:
        case "permanent":
            raise PermanentFailure("cannot ever work")
        case "unserialisable":
            return {"bad": object()}
        case "die":
            if run.attempt < payload.get("attempt", 1000):
                os.kill(os.getpid(), signal.SIGKILL)
        case "gorge":
            hoard = []
            while True:
                hoard.append(bytearray(4 << 20))
                time.sleep(0.01)
        case "until":
            if run.attempt < payload["attempt"]:
                raise RuntimeError(payload.get("says") or f"attempt {run.attempt} fails")
    return {"attempt": run.attempt}


@app.task(name="stubborn", base=AgentTask, bind=True, max_retries=5)
def stubborn(self: AgentTask, until: int) -> int:
    """Retry by Celery's own means until the given attempt."""
    if self.request.retries < until:
        raise self.retry(countdown=0.05)
    return int(self.request.retries)


@app.task(name="touchy", base=AgentTask, bind=True, autoretry_for=(ValueError,), retry_backoff=False, default_retry_delay=0)
def touchy(self: AgentTask, until: int) -> int:
    """Be retried by Celery's autoretry until the given attempt."""
    if self.request.retries < until:
        raise ValueError("not yet")
    return int(self.request.retries)


@app.task(name="plain_but_declared")
def plain_but_declared(seconds: float = 0.0, journal: str = "") -> str:
    """A function as any Celery application has it, whose name is a declared task type."""
    _write(Path(journal) if journal else None, f"start {current_task.request.id}")
    time.sleep(seconds)
    return str(current_task.request.id)


@app.task(name="plain.multiply")
def multiply(x: int, y: int) -> int:
    """A Celery task the fleet knows nothing about."""
    assert current_task.request.delivery_info["routing_key"] == "fleet.maintenance"
    return x * y


def _write(journal: Path | None, line: str) -> None:
    if journal is not None:
        with journal.open("a") as file:
            file.write(line + "\n")
