"""How near do real workers come to a dispatcher that knows everything?

Three pools of unequal speed run tasks of 50 to 500 ms that arrive at random. What really arrived is then played to the
simulator's clairvoyant, which knows every size and speed and hands over in no time. Beside it, in the same run: a strategy
that binds early, and plain Celery with one queue for all workers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import yaml

from benchmarks import stage
from fleet import catalogue, settings
from fleet.dispatcher import declare
from fleet.dispatcher import submit as submitting
from fleet.dispatcher.submit import submit
from fleet.dispatcher.tasks import search
from fleet.registry import roster
from fleet.simulation.dispatchers import clairvoyant
from fleet.simulation.engine import simulate
from fleet.simulation.fleets import Floats, SimulatedFleet, SimulatedPool, SimulatedType
from fleet.simulation.workload import Workload, assemble
from fleet.store import keys
from fleet.store.client import connect

SPEEDS = {"fast": 2.0, "usual": 1.0, "slow": 0.5}
SLOTS, SMALLEST, LARGEST, LOAD, SIZE_ERROR, WARM_UP = 4, 0.05, 0.5, 0.75, 0.5, 0.1
PLAIN = "plain Celery, one queue"
CONTESTANTS = ("late_binding", "least_connections", PLAIN)


@dataclass(frozen=True, slots=True)
class Result:
    """Response in seconds after warm-up, beside the clairvoyant's for the same arrivals and sizes."""

    who: str
    tasks: int
    ended_once: int
    p50: float
    p99: float
    clairvoyant_p50: float
    clairvoyant_p99: float
    p99_ratio: float
    load_average: float


def measure(tasks: int, contestants: tuple[str, ...] = CONTESTANTS, seed: int = 1) -> list[Result]:
    """Run every contestant on the same gaps and sizes; about `tasks` / 38 seconds each."""
    rng = np.random.default_rng(seed)
    sizes = rng.uniform(SMALLEST, LARGEST, tasks)
    gaps = rng.exponential(float(np.mean(sizes)) / (LOAD * SLOTS * sum(SPEEDS.values())), tasks)
    hints = sizes * np.exp(SIZE_ERROR * rng.standard_normal(tasks))
    results = []
    with stage.broker(), tempfile.TemporaryDirectory() as directory:
        for who in contestants:
            declare_three(Path(directory), "late_binding" if who == PLAIN else who)
            sent, responses = (plain if who == PLAIN else fleet)(sizes, gaps, hints)
            ideal = simulate(as_workload(sent, sizes), clairvoyant(as_workload(sent, sizes))).response
            results.append(judged(who, tasks, responses, ideal))
    return results


def measure_apart(tasks: int, contestants: tuple[str, ...]) -> list[Result]:
    """The same in a process of its own: an application keeps its connections to a broker that is gone, and others their files."""
    command = [sys.executable, "-m", "benchmarks.unequal", str(tasks), *contestants, "--json"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=stage.HERE.parent, env=clean)
    return [Result(**row) for row in json.loads(found.stdout)]


def judged(who: str, tasks: int, responses: dict[int, float], ideal: Floats) -> Result:
    counted = [number for number in sorted(responses) if number >= WARM_UP * tasks]
    real, best = np.array([responses[number] for number in counted]), ideal[counted]
    p50, p99 = (float(np.percentile(real, share)) for share in (50, 99))
    best50, best99 = (float(np.percentile(best, share)) for share in (50, 99))
    return Result(who, tasks, len(responses), p50, p99, best50, best99, p99 / best99, os.getloadavg()[0])


def fleet(sizes: Floats, gaps: Floats, hints: Floats) -> tuple[Floats, dict[int, float]]:
    """Return when each task was submitted, and its response time, both by the server's clock."""
    with workers("fleet.app", {pool: f"fleet.{pool}" for pool in SPEEDS}):
        stage.until(lambda: sum(row.status in ("idle", "busy") for row in roster.workers()) == len(SPEEDS))
        numbers = {
            submit("nap", {"size": float(sizes[n])}, size_hint=float(hints[n])).id: n for n in paced(gaps)
        }
        stage.until(lambda: int(connect().xlen(f"{keys.prefix('main')}history")) >= len(sizes))
        rows = search(limit=2 * len(sizes))
    if len({row.task_id for row in rows}) != len(rows) or {row.state for row in rows} != {"done"}:
        raise RuntimeError("a task ended twice, or did not succeed")
    sent = np.zeros(len(sizes))
    for row in rows:
        sent[numbers[row.task_id]] = row.submitted_at
    return sent - sent[0], {numbers[row.task_id]: row.ended_at - row.submitted_at for row in rows}


def plain(sizes: Floats, gaps: Floats, _hints: Floats) -> tuple[Floats, dict[int, float]]:
    """The same with stock Celery: whichever worker is free takes the oldest."""
    from benchmarks.plain import app, nap

    app.conf.update(broker_url=os.environ["FLEET_BROKER__URL"], result_backend=os.environ["FLEET_BROKER__URL"])
    with workers("benchmarks.plain", dict.fromkeys(SPEEDS, "plain")):
        stage.until(lambda: len(app.control.ping(timeout=1.0)) == len(SPEEDS))
        sent, results = [], []
        for n in paced(gaps):
            sent.append(time.time())
            results.append(nap.apply_async(kwargs={"size": float(sizes[n]), "at": sent[-1]}))
        responses = {n: float(result.get(timeout=60)) for n, result in enumerate(results)}
    return np.array(sent) - sent[0], responses


def as_workload(sent: Floats, sizes: Floats) -> Workload:
    """What arrived, as the simulator sees it."""
    pools = SimulatedFleet(
        tuple(SimulatedPool(name, SLOTS) for name in SPEEDS), (SimulatedType("nap", 1.0, float(np.mean(sizes)), 1.0),),
        np.array([[1 / speed for speed in SPEEDS.values()]]), np.ones((1, len(SPEEDS))),
    )  # fmt: skip
    kind = np.zeros(len(sizes), dtype=np.int64)
    return assemble("real arrivals", pools, np.sort(sent), np.random.default_rng(0), kind=kind, size=sizes)


@contextmanager
def workers(app: str, queues: dict[str, str]) -> Iterator[None]:
    with ExitStack() as stack:
        for pool, queue in queues.items():
            own = {"FLEET_POOL": pool, "BENCH_SPEED": str(SPEEDS[pool])}
            stack.enter_context(stage.worker(app, queue, SLOTS, process="threads", environment=own))
        yield


def paced(gaps: Floats) -> Iterator[int]:
    at = time.monotonic()
    for number, gap in enumerate(gaps):
        at += gap
        time.sleep(max(0.0, at - time.monotonic()))
        yield number


def declare_three(directory: Path, strategy: str) -> None:
    """Declare the pools; how fast they are is for the fleet to find out."""
    document = {
        "defaults": False,
        "settings": {"dispatch": {"strategy": strategy}, "costs": {"requests_per_hour": 0, "tokens_per_hour": 0, "usd_per_hour": 0}},
        "agent_types": {"napper": {"module": "benchmarks.agents", "runs": ["nap"]}},
        "task_types": {"nap": {"expected_seconds": 1}},
        "pools": {pool: {"agent_type": "napper", "slots": SLOTS, "process": "threads"} for pool in SPEEDS},
    }
    file = directory / f"{strategy}.yaml"
    file.write_text(yaml.safe_dump(document))
    os.environ["FLEET_FILE"] = str(file)
    settings.load.cache_clear()
    catalogue.forget()
    submitting.forget()
    connect().flushall()
    declare.publish()


def table(results: list[Result]) -> str:
    lines = [f"{'3 pools x ' + str(SLOTS) + ' slots, speeds 2 / 1 / 0.5':36} {'p50 s':>8} {'p99 s':>8} {'ideal p99':>10} {'ratio':>7}  goal"]
    for row in results:
        goal = f"<= 1.25 x {'met' if row.p99_ratio <= 1.25 else 'missed'}" if row.who == "late_binding" else ""
        lines.append(f"{row.who:36} {row.p50:8.3f} {row.p99:8.3f} {row.clairvoyant_p99:10.3f} {row.p99_ratio:7.2f}  {goal}".rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    count = next((int(word) for word in sys.argv[1:] if word.isdigit()), 2000)
    found = stage.part("unequal pools", lambda: measure(count, tuple(word for word in sys.argv[1:] if word in CONTESTANTS) or CONTESTANTS))
    print(json.dumps([asdict(row) for row in found], indent=1) if "--json" in sys.argv else table(found))
