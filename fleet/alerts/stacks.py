"""Where do the workers stand, a few moments in a row? What stays the same is what they wait for.

Every worker is asked over Celery's remote control, on whatever host it is (`fleet.lifecycle.stacks` answers). Of this
host's workers py-spy sees more, also those that are too stuck to answer.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from fleet.registry import roster

MOST_WORKERS: Final = 30
MOST_PROCESSES: Final = 12
SAMPLES: Final = 3
SAMPLE_EVERY_SECONDS: Final = 0.3
ANSWER_SECONDS: Final = 2.0
STACK_SECONDS: Final = 5.0
LONGEST_STACK: Final = 20_000
COMMAND: Final = "fleet_stacks"
SAME: Final = "the same"
"""Stands for a sample that looks like an earlier one of its process: whoever waits looks the same each time."""


def told() -> Mapping[str, Any]:
    """Return what the workers answer: worker -> host and processes, each with what it runs and its samples; and who is silent."""
    from fleet.app import app

    everyone = [worker.worker_id for worker in roster.workers()]
    asked = everyone[:MOST_WORKERS]
    nodes = [worker.partition("#")[0] for worker in asked]
    workers: dict[str, Any] = {}
    # A child answers by the next time: the first round only begins.
    for number in range(SAMPLES + 1 if asked else 0):
        if number:
            time.sleep(SAMPLE_EVERY_SECONDS)
        for answer in app.control.broadcast(COMMAND, destination=nodes, reply=True, timeout=ANSWER_SECONDS, limit=len(nodes)) or []:
            for node, row in answer.items():
                if number:
                    _add(workers, row.get("worker") or node, row)
    missing = {worker: f"did not answer within {ANSWER_SECONDS:g} s" for worker in asked if worker not in workers}
    missing |= dict.fromkeys(everyone[MOST_WORKERS:], f"only {MOST_WORKERS} are asked")
    return {"workers": workers, "missing": missing}


def _add(workers: dict[str, Any], worker: str, row: Mapping[str, Any]) -> None:
    if "processes" not in row:  # an older worker, which does not know the command
        workers[worker] = {"missing": str(row.get("error") or row)}
        return
    known = workers.setdefault(worker, {"host": row["host"], "missing": row["missing"], "left_out": row["left_out"], "processes": {}})
    for pid, process in row["processes"].items():
        mine = known["processes"].setdefault(pid, {"runs": [], "samples": []})
        mine["runs"] = sorted({*mine["runs"], *process["runs"]})
        if stack := process["stack"]:
            mine["samples"].append(SAME if stack in mine["samples"] else stack)


def seen() -> Mapping[str, Any]:
    """Return the Python stacks of the Celery workers on this host: pid -> samples, by py-spy."""
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
