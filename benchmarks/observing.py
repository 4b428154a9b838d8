"""What do metrics and traces cost a worker? No-op tasks, the worst case; everything on beside everything off, in turns.

On: metrics are counted, a tenth of the traces is recorded and sent to a collector in a process of its own. Off: no
tracing, and the functions in the server count nothing; that switch exists only here.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import orjson
import psutil

from benchmarks import judging, stage, working
from fleet import settings
from fleet.dispatcher import traced
from fleet.dispatcher.attempt import attempt
from fleet.dispatcher.claim import Claim, claim
from fleet.dispatcher.outcome import finish, trace_of
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.registry import roster
from fleet.store.client import connect
from fleet.telemetry import tracing

ROUNDS, TASKS = 4, 2400
RESULT = '{"status": "SUCCESS", "result": null}'
ENDPOINT = "FLEET_TELEMETRY__OTLP_ENDPOINT"
_COUNTING = re.compile(r"(local function metric_(?:count|observe)\([^)]*\))(?: do return end)?")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a task took: tasks a second, and processor time for one, the worker's and the broker's."""

    rate: float
    worker_milliseconds: float
    broker_milliseconds: float

    @property
    def milliseconds(self) -> float:
        return self.worker_milliseconds + self.broker_milliseconds


def measure(rounds: int = ROUNDS) -> tuple[Cost, Cost, float]:
    """Return medians with everything on and off, and the median of the rounds' throughput ratios (on over off)."""
    on, off = [], []
    with collector() as endpoint:
        for number in range(rounds):
            turns = (True, False) if number % 2 else (False, True)
            for is_on in turns:
                (on if is_on else off).append(run(endpoint if is_on else ""))
        with urllib.request.urlopen(endpoint) as answer:
            assert int(answer.read()) > 0, "no span arrived: nothing was measured"
    ratios = [one.rate / other.rate for one, other in zip(on, off, strict=True)]
    return middle(on), middle(off), statistics.median(ratios)


def middle(costs: list[Cost]) -> Cost:
    columns = zip(*((c.rate, c.worker_milliseconds, c.broker_milliseconds) for c in costs), strict=True)
    return Cost(*(statistics.median(column) for column in columns))


def run(endpoint: str) -> Cost:
    """Work off a backlog with one worker; an empty endpoint: everything off."""
    os.environ[ENDPOINT] = endpoint
    settings.load.cache_clear()
    stage.empty()
    for _ in submit_many(TaskRequest("noop", {"n": n}) for n in range(TASKS)):
        pass
    tracing.stop()
    with stage.worker("fleet.app", "fleet.bench") as worker:
        before, began, spent, served = 0, 0.0, 0.0, 0.0
        while (count := working.ended()) < TASKS:
            if not before and count > 0:
                count_metrics(bool(endpoint))
            if not before and count > TASKS // 6:
                before, began, spent, served = count, time.perf_counter(), cpu_seconds(worker.pid), broker_seconds()
            time.sleep(0.05)
        took, done = time.perf_counter() - began, count - before
        spent, served = cpu_seconds(worker.pid) - spent, broker_seconds() - served
        return Cost(done / took, spent / done * 1000, served / done * 1000)


def steps(endpoint: str, tasks: int = 3000) -> tuple[float, float]:
    """Return milliseconds of processor time a task, here and in the broker, for what a worker does around a function.

    Without Celery and without waiting, in this process: what a busy machine does to throughput does not show here.
    """
    os.environ[ENDPOINT] = endpoint
    settings.load.cache_clear()
    stage.empty()
    roster.register("bench", "bench", 1_000_000, {})
    for _ in submit_many(TaskRequest("noop", {"n": n}) for n in range(tasks)):
        pass
    client = connect()
    messages = [orjson.loads(text)["headers"] for text in client.rpop("fleet.bench", tasks)]  # type: ignore[union-attr, arg-type]
    assert len(messages) == tasks
    half = tasks // 2
    here, there = 0.0, 0.0
    for number, headers in enumerate(messages):
        if number == half:
            # The functions are in the server by now.
            count_metrics(bool(endpoint))
            here, there = time.process_time(), broker_seconds()
        request = SimpleNamespace(**headers)
        with attempt("noop", request, partial(_claim, request)):
            pass
        with traced.ending(request, "done"):
            finish(request.id, request.fleet_attempt, "done", RESULT, trace_id=trace_of(request))
    tracing.stop()
    done = tasks - half
    return (time.process_time() - here) / done * 1000, (broker_seconds() - there) / done * 1000


def _claim(request: SimpleNamespace) -> Claim:
    return claim(request.id, request.fleet_attempt, "bench", traced.recorded(request))


def step_costs(rounds: int = 5) -> tuple[float, float]:
    """Return the medians of milliseconds a task with everything on and off, here and in the broker together."""
    on, off = [], []
    with collector() as endpoint:
        for number in range(rounds):
            for is_on in (True, False) if number % 2 else (False, True):
                (on if is_on else off).append(sum(steps(endpoint if is_on else "")))
    return statistics.median(on), statistics.median(off)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its children so far."""
    parent = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:2]) for one in (parent, *parent.children()))


def broker_seconds() -> float:
    """Processor time of the broker so far."""
    used = connect().info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


def count_metrics(wanted: bool) -> None:
    """Let the functions in the server count, or not."""
    client = connect()
    for library in client.function_list(withcode=True):
        code = dict(zip(library[::2], library[1::2], strict=True))["library_code"]
        client.function_load(_COUNTING.sub(r"\1" if wanted else r"\1 do return end", code), replace=True)


@contextmanager
def collector() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.collector"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=stage.HERE.parent) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def figures() -> dict[str, float]:
    """Return everything measured, by name."""
    step_on, step_off = step_costs()
    on, off, ratio = measure()
    looks = {f"{name}, s of processor time": cpu for name, (cpu, _) in judging.measure().items()}
    return {
        "metrics and traces: ms of processor time a task, worker and broker": step_on - step_off,
        "a whole task without both, ms of processor time": off.milliseconds,
        "share of it (goal 0.1)": (step_on - step_off) / off.milliseconds,
        "tasks/s, all on": on.rate,
        "tasks/s, all off": off.rate,
        "throughput, on over off (goal 0.9)": ratio,
        **looks,
    }


if __name__ == "__main__":
    with stage.broker():
        found = stage.part("metrics and traces", figures)
    print(json.dumps(found, indent=1) if "--json" in sys.argv else "\n".join(f"{name:68} {value:10.3f}" for name, value in found.items()))
