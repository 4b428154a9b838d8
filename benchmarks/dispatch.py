"""What does dispatch cost beside plain Celery? One table, one run: `fleet bench dispatch [--json]`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

from benchmarks import deciding, stage, submitting, working


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what was measured, beside what, and what was aimed at."""

    what: str
    fleet: float
    plain: float | None
    unit: str
    ratio: float | None
    goal: str
    is_met: bool


def measure() -> list[Figure]:
    """Run everything; about two minutes on two cores."""
    with stage.broker():
        rates = submitting.measure()
        workers, waits = working.throughput(), working.latency()
        few, many = deciding.table().values()
    plain, batch = rates["plain apply_async"], rates["kombu batch"]
    (p50, p99), (plain_p50, plain_p99) = waits["fleet"], waits["plain Celery"]
    return [
        *(faster(name, rates[name], plain, "tasks/s", 2.5) for name in ("submit, released", "submit, held")),
        *(faster(name, rates[name], plain, "tasks/s", 15) for name in ("submit_many, released", "submit_many, held")),
        faster("submit_many, held, beside kombu's batch", rates["submit_many, held"], batch, "tasks/s", 5),
        faster("no-op tasks, one worker of two processes", workers["fleet"], workers["plain Celery"], "tasks/s", 0.75),
        sooner("enqueue to start at 50/s, p50", p50, plain_p50, 3),
        sooner("enqueue to start at 50/s, p99", p99, plain_p99, 10),
        sooner("decision, 100 pools, 1 000 held, p99", few["p99_ms"], None, 5),
        sooner("decision, 100 pools, 100 000 held, p99", many["p99_ms"], None, 5),
        Figure("decisions of one caller, 100 000 held", many["decisions_per_second"], None, "1/s", None, "", True),
    ]


def faster(what: str, fleet: float, plain: float, unit: str, times: float) -> Figure:
    return Figure(what, fleet, plain, unit, fleet / plain, f">= {times:g} x", fleet / plain >= times)


def sooner(what: str, fleet: float, plain: float | None, most: float) -> Figure:
    return Figure(what, fleet, plain, "ms", plain and fleet / plain, f"<= {most:g} ms", fleet <= most)


def table(figures: list[Figure]) -> str:
    lines = [f"{'':42} {'fleet':>10} {'plain':>10} {'':8} {'ratio':>7}  goal"]
    for row in figures:
        plain, ratio = ("" if value is None else f"{value:,.2f}" for value in (row.plain, row.ratio))
        verdict = "" if not row.goal else "met" if row.is_met else "missed"
        lines.append(f"{row.what:42} {row.fleet:>10,.1f} {plain:>10} {row.unit:8} {ratio:>7}  {row.goal} {verdict}".rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    rows = measure()
    print(json.dumps([asdict(row) for row in rows], indent=1) if "--json" in sys.argv else table(rows))
