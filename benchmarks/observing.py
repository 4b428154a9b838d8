"""What do metrics and traces cost a worker? No-op tasks, the worst case; everything on beside everything off, in turns.

On: metrics are counted, a tenth of the traces is recorded and sent to a collector in a process of its own. Off: no
tracing, and the functions in the server count nothing; that switch exists only here.
"""

from __future__ import annotations

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

import psutil

from benchmarks import stage, working
from fleet import settings
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.store.client import connect
from fleet.telemetry import tracing

ROUNDS, TASKS = 4, 2400
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


if __name__ == "__main__":
    with stage.broker():
        on, off, ratio = measure()
        for name, cost in (("all on", on), ("all off", off)):
            print(
                f"{name:8} {cost.rate:6.0f} tasks/s; processor time each: worker {cost.worker_milliseconds:.3f} ms, "
                f"broker {cost.broker_milliseconds:.3f} ms"
            )
        print(f"throughput on / off {ratio:.3f} (goal >= 0.9), processor time on / off {on.milliseconds / off.milliseconds:.3f}")
