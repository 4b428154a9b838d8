"""What does a performance investigation collect?

What will be gone later: stacks of the workers on this host, the slowest of the latest tasks, how pools and queues
stand. Each part is bounded in size and time, and a part that cannot be had says why.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import psutil

from fleet.alerts import signals
from fleet.alerts.actions.plan import Request
from fleet.registry import roster
from fleet.scaling.target_store import TargetStore
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.telemetry.redaction import redact

MOST_PROCESSES: Final = 12
STACK_SECONDS: Final = 5.0
SAMPLES: Final = 3
SAMPLE_EVERY_SECONDS: Final = 0.3
LONGEST_STACK: Final = 20_000
LATEST_TASKS: Final = 1_000
SLOWEST: Final = 20
LONGEST_BUNDLE: Final = 1_000_000


def collect(client: Client, cell: str, request: Request, now: float) -> str:
    """Return the bundle as JSON text, without secrets."""
    parts: dict[str, Callable[[], Any]] = {
        "stacks": stacks,
        "slowest_tasks": lambda: slowest(client, cell),
        "targets": lambda: TargetStore(client, cell).all(),
        "signals": lambda: _signals(client, cell, now),
    }
    found: dict[str, Any] = {"why": request.why, "at": now, "subjects": [dict(subject) for subject in request.subjects]}
    for name, part in parts.items():
        try:
            found[name] = part()
        except Exception as error:  # a part that fails must not cost the others
            found[name] = {"missing": f"{type(error).__name__}: {error}"}
    text = json.dumps(redact(found))
    if len(text) > LONGEST_BUNDLE:
        found["stacks"] = {"missing": f"the bundle would have had {len(text)} characters"}
        text = json.dumps(redact(found))
    return text


def stacks() -> Mapping[str, Any]:
    """Return the Python stacks of the Celery workers on this host: pid -> samples, a moment apart; what stays, is slow."""
    program = shutil.which("py-spy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        return {"missing": "py-spy is not installed here: pip install 'agent-fleet[local]'"}
    found: dict[str, list[str]] = {}
    for number in range(SAMPLES):
        if number:
            time.sleep(SAMPLE_EVERY_SECONDS)
        for process in _workers():
            found.setdefault(str(process.pid), []).append(_sample(program, process.pid))
    return found


def _sample(program: str, pid: int) -> str:
    command = [program, "dump", "--nonblocking", "--pid", str(pid)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=STACK_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no stack within {STACK_SECONDS:g} s"
    return done.stdout[:LONGEST_STACK] if done.returncode == 0 else f"not allowed here: {done.stderr.strip()[:300]}"


def _workers() -> list[psutil.Process]:
    """Return the processes of the workers on the roster that run on this host, those that run tasks first."""
    found: list[psutil.Process] = []
    here = socket.gethostname()
    for worker in roster.workers():
        if worker.hostname == here:
            try:
                main = psutil.Process(worker.pid)
                found += [*main.children(), main]
            except psutil.Error:
                continue  # it is leaving
    return found[:MOST_PROCESSES]


def slowest(client: Client, cell: str) -> list[dict[str, str]]:
    """Return the slowest of the latest ended tasks."""
    with available():
        page = cast(
            "list[tuple[str, dict[str, str]]]", client.xrevrange(keys.prefix(cell) + "history", count=LATEST_TASKS)
        )

    def seconds(row: dict[str, str]) -> float:
        return float(row.get("ended") or 0) - float(row.get("submitted") or row.get("ended") or 0)

    return sorted((fields for _, fields in page), key=seconds, reverse=True)[:SLOWEST]


def _signals(client: Client, cell: str, now: float) -> dict[str, float]:
    seen = signals.gather(client, cell, now)
    shown = [one for one in seen.derived if one.name != "ai_agent_load"]
    return {f"{one.name}{{{','.join(f'{name}={value}' for name, value in one.labels)}}}": one.value for one in shown}
