"""How long does one look of the alerts take, and one scrape, when the fleet is large?

A thousand rules over a thousand series, with an hour of past in the ring; a thousand workers on the page.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from benchmarks import stage
from fleet.alerts.evaluate import evaluate
from fleet.alerts.rules import Rule, RuleBook
from fleet.alerts.scrape import page
from fleet.store import keys
from fleet.store.client import connect
from fleet.store.scripts import script
from fleet.telemetry import logs

CELL, NOW = "bench", 3_000_000_000.0
RULES, SERIES, MINUTES, WORKERS = 1_000, 1_000, 61, 1_000


def measure() -> dict[str, tuple[float, float]]:
    """Return (processor seconds here, seconds on the clock) of a look without and with windows, and of a scrape."""
    logs.configure("CRITICAL")
    client, prefix = connect(), keys.prefix(CELL)
    populate()
    windows, gauges = windowed(), plain()
    for minute in range(MINUTES):
        count()
        # The first look fills the ring alone: only its last one is measured.
        evaluate(client, CELL, windows if minute < 2 else RuleBook(rules=dict(list(windows.rules.items())[:60])), NOW + 60 * minute)
    after = NOW + 60 * MINUTES
    found = {
        "1 000 rules with windows over 1 000 series": timed(lambda: evaluate(client, CELL, windows, after)),
        "1 000 rules over 1 000 gauges": timed(lambda: evaluate(client, CELL, gauges, after + 60)),
        "a scrape of 1 000 workers": timed(lambda: page(client, CELL, NOW)),
    }
    assert int(client.llen(prefix + "signals")) > MINUTES  # type: ignore[arg-type]
    return found


def windowed() -> RuleBook:
    return _book(f"rate(fleet_tasks_finished_total[{1 + n % 60}m]) * {n % 7 + 1} > {n / 100:g}" for n in range(RULES))


def plain() -> RuleBook:
    return _book(f"ai_agent_load * {n % 7 + 1} > {n / 100:g}" for n in range(RULES))


def _book(expressions: object) -> RuleBook:
    rows = [{"name": f"rule{n}", "expr": expr, "for": "1m", "by": ()} for n, expr in enumerate(expressions)]  # type: ignore[call-overload]
    return RuleBook(rules={row["name"]: Rule.model_validate(row) for row in rows})


def timed(work: Callable[[], object], rounds: int = 3) -> tuple[float, float]:
    """Return the best of some rounds, by processor time."""
    results = []
    for _ in range(rounds):
        cpu, clock = time.process_time(), time.perf_counter()
        work()
        results.append((time.process_time() - cpu, time.perf_counter() - clock))
    return min(results)


def count() -> None:
    writes = [["count", 5, "", "fleet_tasks_finished_total", f"t{n % 100}", f"p{n // 100}", "done"] for n in range(SERIES)]
    script("telemetry/record.lua")(connect(), [keys.prefix(CELL)], [json.dumps(writes)])


def populate() -> None:
    """Put a thousand workers on the roster."""
    prefix, pipe = keys.prefix(CELL), connect().pipeline(transaction=False)
    for number in range(WORKERS):
        worker = f"w{number:04}"
        pipe.zadd(prefix + "workers", {worker: NOW})
        record = {"pool": f"p{number % 10}", "agent_type": "bencher", "slots": 10, "status": "idle"}
        pipe.hset(f"{prefix}worker:{worker}", mapping=record)
    pipe.execute()


if __name__ == "__main__":
    with stage.broker():
        for name, (cpu, clock) in measure().items():
            print(f"{name:45} {cpu:6.2f} s of processor time, {clock:6.2f} s on the clock")
