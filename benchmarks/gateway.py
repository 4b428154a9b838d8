"""What does the gateway cost beside a bare Starlette route that does one Redis round trip? `fleet bench gateway [--json]`.

Both servers run at the same time under the same uvicorn options, pinned to one core, and are loaded in turns of a
fraction of a second by one client on the other core; a ratio is the median over the turns' own ratios, the 99th
percentile at half of the gateway's rate the median over its turns' own. Processor seconds a request are the server's
own, so that what else the machine does matters less.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import psutil
import uvloop

from benchmarks import stage
from benchmarks.bare import HASH
from benchmarks.http_load import closed_loop, open_loop
from fleet.dispatcher.submit import submit
from fleet.registry import roster
from fleet.secrets import api_keys
from fleet.secrets.roles import Role
from fleet.settings import current
from fleet.store.client import connect
from fleet.supervisor import valkey

TURNS, TURN_SECONDS = 25, 0.4
HALF_LOAD_TURNS, HALF_LOAD_SECONDS = 15, 1.0
GOAL_RATIO, GOAL_P99_MS = 0.8, 20.0
BODY = json.dumps({"task_type": "noop", "payload": {"n": 1}, "priority": 5}).encode()


@dataclass(frozen=True, slots=True)
class Figure:
    """One route of the gateway beside the bare one; rates are requests a second, times milliseconds."""

    route: str
    gateway_rate: float
    bare_rate: float
    ratio: float
    ratio_quartiles: tuple[float, float]
    gateway_cpu_ms: float
    bare_cpu_ms: float
    cpu_ratio: float
    half_load_rate: float
    gateway_p99_ms: float
    bare_p99_ms: float
    is_met: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One server under one kind of request."""

    process: psutil.Process
    port: int
    request: bytes
    status: int


def measure() -> list[Figure]:
    """Run both routes; about a minute."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)  # inherited by the broker
    with stage.broker(), server("bare", cores[0]) as bare_at, server("gateway", cores[0]) as gateway_at:
        (bare, bare_port), (gateway, gateway_port) = bare_at, gateway_at
        task_id, bearer = prepared()
        lines = f"host: x\r\nauthorization: Bearer {bearer}\r\n"
        post = f"{lines}content-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n".encode() + BODY
        get = f"{lines}\r\n".encode()
        return [
            compared(
                "GET /api/v1/tasks/{id}",
                Side(gateway, gateway_port, b"GET /api/v1/tasks/" + task_id.encode() + b" HTTP/1.1\r\n" + get, 200),
                Side(bare, bare_port, b"GET /tasks/" + task_id.encode() + b" HTTP/1.1\r\n" + get, 200),
            ),
            compared(
                "POST /api/v1/tasks",
                Side(gateway, gateway_port, b"POST /api/v1/tasks HTTP/1.1\r\n" + post, 202),
                Side(bare, bare_port, b"POST /tasks HTTP/1.1\r\n" + post, 202),
            ),
        ]


def prepared() -> tuple[str, str]:
    """Return a task to look at and an API key; the bench pool has room for every task to come."""
    client = connect()
    client.hset(HASH, mapping={"field": "value", "other": "x" * 400})
    task = submit("noop", {"n": 0})
    key = api_keys.generate()
    api_keys.admit(client, current().cell, key, name="bench", tenant="*", role=Role.PRODUCER, days=1)
    return task.id, key.get_secret_value()


def compared(route: str, gateway: Side, bare: Side) -> Figure:
    sides = {"gateway": gateway, "bare": bare}
    rates: dict[str, list[float]] = {name: [] for name in sides}
    costs: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(TURNS + 1):
        for name, side in sides.items():
            roster.register("bench", "bench", 1_000_000, {})
            before, began = processor_seconds(side.process), time.perf_counter()
            answered = uvloop.run(closed_loop(side.port, side.request, side.status, TURN_SECONDS))
            if turn:  # the first turn of each warms up
                rates[name].append(answered / (time.perf_counter() - began))
                costs[name].append((processor_seconds(side.process) - before) / answered * 1000)
    ratios = [mine / theirs for mine, theirs in zip(rates["gateway"], rates["bare"], strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    rate = statistics.median(rates["gateway"]) / 2
    late: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(HALF_LOAD_TURNS):
        for name, side in sides.items():
            roster.register("bench", "bench", 1_000_000, {})
            taken = uvloop.run(open_loop(side.port, side.request, side.status, rate, HALF_LOAD_SECONDS))
            late[name].append(statistics.quantiles(taken, n=100)[98] * 1000)
    p99 = {name: statistics.median(found) for name, found in late.items()}
    cpu = {name: statistics.mean(found) for name, found in costs.items()}
    return Figure(
        route, statistics.median(rates["gateway"]), statistics.median(rates["bare"]), ratio, (low, high),
        cpu["gateway"], cpu["bare"], cpu["gateway"] / cpu["bare"], rate, p99["gateway"], p99["bare"],
        ratio >= GOAL_RATIO and p99["gateway"] <= GOAL_P99_MS,
    )  # fmt: skip


@contextmanager
def server(kind: str, core: int) -> Iterator[tuple[psutil.Process, int]]:
    """Either server for the block, kept to one core; this process and the broker have the others."""
    port = valkey.free_port()
    factory = {"bare": "benchmarks.bare:create", "gateway": "fleet.gateway.app:create"}[kind]
    program = f"from fleet.cli.gateway import serve; serve({factory!r}, '127.0.0.1', {port})"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(stage.HERE.parent)},
        preexec_fn=valkey.die_with_parent,
    )
    os.sched_setaffinity(process.pid, {core})
    try:
        until = time.monotonic() + 30
        while not answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the {kind} server did not start")
            time.sleep(0.05)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def table(figures: list[Figure]) -> str:
    lines = [f"{'':24} {'gateway':>9} {'bare':>9} {'ratio':>6}  quartiles    CPU ms/request     p99 at half load"]
    for row in figures:
        low, high = row.ratio_quartiles
        lines.append(
            f"{row.route:24} {row.gateway_rate:>7.0f}/s {row.bare_rate:>7.0f}/s {row.ratio:>6.2f}  {low:.2f} - {high:.2f}  "
            f"{row.gateway_cpu_ms:.3f} / {row.bare_cpu_ms:.3f} = {row.cpu_ratio:.2f}  "
            f"{row.gateway_p99_ms:.1f} / {row.bare_p99_ms:.1f} ms at {row.half_load_rate:.0f}/s  {'met' if row.is_met else 'missed'}"
        )
    return "\n".join([*lines, f"goal: ratio >= {GOAL_RATIO:g}, p99 <= {GOAL_P99_MS:g} ms"])


if __name__ == "__main__":
    rows = stage.part("the gateway", measure)
    print(json.dumps([asdict(row) for row in rows], indent=1) if "--json" in sys.argv else table(rows))
