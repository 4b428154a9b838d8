"""How does the demo run?"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from fleet.costs.ledger import hot_entries
from fleet.costs.money import usd
from fleet.dispatcher import tasks as records
from fleet.dispatcher.handle import TaskHandle
from fleet.dispatcher.submit import submit_many
from fleet.settings import current
from fleet.store.client import connect
from fleet.supervisor.local_fleet import LocalFleet
from workers.demo import judge, target
from workers.demo.tasks import PLANTED, PROJECT, tasks

READY_SECONDS, WORK_SECONDS = 60.0, 120.0
OVER = frozenset({"done", "failed", "dead", "cancelled"})


@dataclass(frozen=True, slots=True)
class Report:
    """What the demo did."""

    rows: tuple[judge.Row, ...]
    complaints: tuple[str, ...]
    seconds_to_ready: float
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "ok": not self.complaints, "complaints": list(self.complaints), "seconds_to_ready": round(self.seconds_to_ready, 2),
            "seconds": round(self.seconds, 2), "tasks": [row.as_dict() for row in self.rows],
        }  # fmt: skip


Watch = Callable[[str, list[tuple[str, str]]], None]
"""Told the phase, and (title, state) of every task, whenever something changes."""


def run(watch: Watch) -> Report:
    """Start a fleet, submit everything, wait, stop; never leaves a process or a file behind."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fleet-demo-") as folder, target.server() as url, _environment(folder, url):
        fleet = LocalFleet(Path(folder), extras={"gateway": False}, tell=lambda line: watch(line, []))
        rows: list[judge.Row] = []
        wrong: list[str] = []
        ready = 0.0
        killed: list[str] = []
        try:
            watch("starting broker, workers, beat, Flower, metrics and the local model", [])
            fleet.start()
            _wait_until_ready(fleet)
            ready = time.monotonic() - began
            rows, wrong = _work(fleet, url, watch)
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")
            wrong += [f"{log.name}: {_last_line(log)}" for log in sorted(fleet.log_dir.glob("*.log"))]
        finally:
            watch("draining and stopping", [])
            children = psutil.Process().children(recursive=True)
            killed = fleet.stop()
            orphans = [f"{child.pid} {child.name()}" for child in psutil.wait_procs(children, timeout=5)[1]]
        found = [] if not rows and wrong else judge.complaints(rows, PLANTED, killed, orphans)
        return Report(tuple(rows), (*wrong, *found), ready, time.monotonic() - began)


@contextmanager
def _environment(folder: str, url: str) -> Iterator[None]:
    """Point this process and its children at the throw-away fleet; put everything back afterwards."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("FLEET_")]:
        del os.environ[name]
    host = url.removeprefix("http://").rstrip("/")
    os.environ |= {
        "FLEET_STATE_DIR": folder, "FLEET_AGENTS__ALLOWED_TARGETS": host, "FLEET_AGENTS__ALLOWED_ROOTS": str(PROJECT),
        "FLEET_TELEMETRY__LOG_FORMAT": "json",
    }  # fmt: skip
    from fleet.settings import load

    load.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        load.cache_clear()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(fleet: LocalFleet) -> None:
    end = time.monotonic() + READY_SECONDS
    while not fleet.is_ready():
        fleet.tend()
        if time.monotonic() > end:
            raise TimeoutError(f"the fleet was not ready after {READY_SECONDS:g} s")
        time.sleep(0.1)


def _work(fleet: LocalFleet, url: str, watch: Watch) -> tuple[list[judge.Row], list[str]]:
    """Submit everything at once and wait for the last task; returns rows and refusals."""
    titled = tasks(url)
    wrong, handles = [], []
    for (title, request), answer in zip(titled, submit_many(request for _, request in titled), strict=True):
        if isinstance(answer, Exception) or not answer.is_accepted:
            wrong.append(f"{title} was not accepted: {answer if isinstance(answer, Exception) else answer.submission.reason}")
        else:
            handles.append((title, request.task_type, answer))
    end = time.monotonic() + WORK_SECONDS
    while True:
        fleet.tend()
        states = [(title, handle.status) for title, _, handle in handles]
        watch("working", states)
        if all(state in OVER for _, state in states) or time.monotonic() > end:
            return _rows(handles), wrong
        time.sleep(0.2)


def _rows(handles: list[tuple[str, str, TaskHandle]]) -> list[judge.Row]:
    spent: dict[str, int] = {}
    for entry in hot_entries(connect(), current().cell):
        spent[entry.task_id] = spent.get(entry.task_id, 0) + entry.micros
    return [_row(title, task_type, handle, spent.get(handle.id, 0)) for title, task_type, handle in handles]


def _row(title: str, task_type: str, handle: TaskHandle, micros: int) -> judge.Row:
    record = records.read(handle.id)
    if record is None:
        return judge.Row(title, handle.id, task_type, "", "", "unknown", 0, 0, 0, "0", "its record is gone")
    result = handle.get(timeout=5) if record.state == "done" else {}
    cause = record.decision.get("cause", "")
    why = "a slot was free" if cause == "submit" else f"held {record.decision.get('held', 0):.1f} s for a slot"
    return judge.Row(
        title, handle.id, task_type, record.pool, why, record.state, round(record.wait_seconds or 0, 3), round(record.run_seconds or 0, 3),
        judge.tokens(result), str(usd(micros)), judge.outcome(task_type, record.state, result, record.reason), _short(result),
    )  # fmt: skip


def _short(result: dict[str, Any]) -> dict[str, Any]:
    """The result without its bulk: SARIF, timelines and attempts stay with the task."""
    return {name: value for name, value in result.items() if name not in ("sarif", "findings", "timeline", "attempts")}


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "(empty)"
