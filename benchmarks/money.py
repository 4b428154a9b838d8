"""What do the cost checks cost? `fleet bench money [--json]`.

A submit with budgets, limits and prices in force beside one without, in turns; the analysis of a million ledger entries;
what climbing from a cheap model to the best saves on a fixed set of functions.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from benchmarks import climbing, stage
from fleet import catalogue, settings
from fleet.cli.progress import progress
from fleet.costs.analysis import analyse
from fleet.costs.durable import DurableLedger
from fleet.costs.entries import Entry
from fleet.dispatcher import declare, estimates
from fleet.dispatcher.submit import TaskRequest, submit, submit_many
from fleet.dispatcher.submit import forget as forget_types
from fleet.store.client import connect

ROUNDS, TASKS, ENTRIES, CHUNK = 15, 200, 1_000_000, 20_000
BUDGETS = {
    "company": {"level": "organisation", "limits_usd": {"day": 1e6, "month": 1e7}},
    "team": {"parent": "company", "tenants": ["default"], "limits_usd": {"hour": 1e5, "day": 1e5, "task": 10}},
    "work": {"parent": "team", "task_types": ["paid"], "limits_usd": {"day": 1e5}, "level": "task"},
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what was measured, and what was aimed at."""

    what: str
    value: float
    unit: str
    goal: str
    is_met: bool


def measure() -> list[Figure]:
    """Run everything; about a minute on two cores."""
    with stage.broker(), tempfile.TemporaryDirectory() as directory:
        added, trips = checks(Path(directory))
        seconds, megabytes = analysis(Path(directory))
    saved = climbing.measure()
    return [
        Figure("added to a submit, p50", added, "ms", "<= 0.2 ms", added <= 0.2),
        Figure("round trips added to a batch item", trips, "", "0", trips == 0),
        Figure("analysis of 1 000 000 entries, CPU", seconds, "s", "<= 2 s", seconds <= 2),
        Figure("analysis of 1 000 000 entries, memory", megabytes, "MB", "<= 500 MB", megabytes <= 500),
        Figure("saved by climbing", 100 * saved.share, "%", ">= 30 %", saved.share >= 0.3),
        Figure("saved by climbing, 95 % at least", 100 * saved.low, "%", ">= 30 %", saved.low >= 0.3),
        Figure("success, less that of the best model alone", 100 * (saved.success - saved.success_held_out), "points",
               "about 0", saved.success >= saved.success_held_out - 0.03),
    ]  # fmt: skip


def checks(directory: Path) -> tuple[float, float]:
    """Return the milliseconds that budgets and limits add to a submit (median of the rounds' medians), and calls."""
    medians: dict[bool, list[float]] = {True: [], False: []}
    calls = {True: 0.0, False: 0.0}
    for _ in range(ROUNDS):
        for paid in (True, False):
            declare_work(directory, paid)
            waits = []
            for n in range(TASKS):
                started = time.perf_counter()
                submit("paid", {"prompt": str(n), "model": "gpt-5"})
                waits.append(time.perf_counter() - started)
            medians[paid].append(1000 * statistics.median(waits))
            before = fcalls()
            for _ in submit_many(TaskRequest("paid", {"prompt": str(n), "model": "gpt-5"}) for n in range(1000)):
                pass
            calls[paid] = fcalls() - before
    pairs = zip(medians[True], medians[False], strict=True)
    return statistics.median(paid - free for paid, free in pairs), (calls[True] - calls[False]) / 1000


def fcalls() -> float:
    """Commands the client sent, scripts' own excluded."""
    return float(connect().info("commandstats")["cmdstat_fcall"]["calls"])


def declare_work(directory: Path, paid: bool) -> None:
    limits = 1_000_000 if paid else 0
    document = {
        "defaults": False,
        "settings": {
            "llm": {"provider": "openai", "model": "gpt-5"},
            "costs": {"requests_per_hour": limits, "tokens_per_hour": limits * 10_000, "usd_per_hour": limits},
        },
        "agent_types": {"agent": {"module": "benchmarks.agents", "runs": ["paid"]}},
        "task_types": {"paid": {"estimate": "code_generation"}},
        "pools": {"pool": {"agent_type": "agent", "slots": 10}},
        "budgets": BUDGETS if paid else {},
    }
    (directory / "fleet.yaml").write_text(yaml.safe_dump(document))
    os.environ["FLEET_FILE"] = str(directory / "fleet.yaml")
    catalogue.forget()
    forget_types()
    for cached in (settings.load, estimates.price_book, estimates.models, estimates._paid):
        cached.cache_clear()
    connect().flushall()
    declare.publish()


def analysis(directory: Path) -> tuple[float, float]:
    """Return processor seconds and the most memory (MB) of a program that reads and analyses a million entries."""
    file, now = directory / "ledger.db", int(time.time() * 1000)
    ledger = DurableLedger(f"sqlite:///{file}")
    with progress("writing a million entries", as_json="--json" in sys.argv) as steps:
        for start in range(0, ENTRIES, CHUNK):
            ledger.append([entry(n, now - n * 2500) for n in range(start, start + CHUNK)])
            steps.reached("writing a million entries", start + CHUNK, ENTRIES)
    ledger.close()
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.money", "--analyse", str(file)], capture_output=True, text=True, check=True
    )
    seconds, megabytes = map(float, answer.stdout.split())
    return seconds, megabytes


def entry(n: int, at: int) -> Entry:
    return Entry(
        f"call{n}", at, "call", f"task{n // 3}", 1, f"tenant{n % 8}", f"type{n % 5}", "agent", f"model{n % 4}", "provider",
        100 + n % 900, 200, 0, 0, n % 9000, False, "list", n % 7 != 0,
    )  # fmt: skip


def analyse_alone(file: str) -> str:
    before = time.process_time()
    ledger = DurableLedger(f"sqlite:///{file}")
    found = analyse(ledger.columns(), int(time.time() * 1000), month_limit=10**12)
    assert found.entries == ENTRIES
    return f"{time.process_time() - before} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}"


def table(figures: list[Figure]) -> str:
    lines = [
        f"{row.what:44} {row.value:>10,.3f} {row.unit:7} {row.goal:10} {'met' if row.is_met else 'missed'}" for row in figures
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    if "--analyse" in sys.argv:
        print(analyse_alone(sys.argv[-1]))
    else:
        rows = measure()
        print(json.dumps([asdict(row) for row in rows], indent=1) if "--json" in sys.argv else table(rows))
