"""What does dispatch cost beside plain Celery? One table, one run: `fleet bench dispatch [--json]`.

Everything runs in turns with what it is compared with, round by round; a ratio is the median of the rounds' ratios, and the
spread shows how calm the machine was. `CPU` compares the CPU time of caller and server together, which others cannot stretch.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks import deciding, idling, simulated, stage, steps, submitting, unequal, working
from benchmarks.clock import Spent


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what was measured, beside what; ratios by the wall clock (with their range over rounds) and by CPU time."""

    what: str
    fleet: float
    beside: float | None
    unit: str
    ratio: float | None
    spread: tuple[float, float] | None
    cpu_ratio: float | None
    goal: str
    is_met: bool | None


UNEQUAL, UNEQUAL_OTHERS = 2000, 1000
"""Real tasks of 50 to 500 ms: of late binding, and of each of those beside it."""


def measure() -> list[Figure]:
    """Run everything; six minutes on two cores."""
    with stage.broker():
        costs = stage.part("1/7 submits", submitting.measure)
        rates = stage.part("2/7 workers with a backlog", working.throughput)
        waits = stage.part("3/7 from enqueue to start", working.latency)
        idle = stage.part("4/7 idle workers", idling.measure)
        few, many = stage.part("5/7 decisions", deciding.table).values()
    rows = [*submits(costs), *workers(rates, waits, idle), *decisions(few, many)]
    rows += stage.part("6/7 pools of unequal speed", real_pools)
    return rows + [simulated_figure(row) for row in stage.part("7/7 simulations", simulated.measure)]


def submits(costs: dict[str, list[Spent]]) -> list[Figure]:
    plain = costs[submitting.PLAIN]
    return [
        *(faster(name, costs[name], plain, 2.5) for name in ("submit, released", "submit, held")),
        *(faster(name, costs[name], plain, 15) for name in ("submit_many, released", "submit_many, held")),
        faster("submit_many, held [kombu's batch]", costs["submit_many, held"], costs[submitting.BATCH], 5),
    ]


def workers(rates: dict[str, list[Spent]], waits: dict[str, dict[int, float]], idle: dict[str, list[idling.Idle]]) -> list[Figure]:
    return [
        faster("no-op tasks, one worker of two processes", rates["fleet"], rates["plain Celery"], 0.75),
        *(sooner(f"enqueue to start at 50/s, p{p}", waits["fleet"][p], waits["plain Celery"][p], goal) for p, goal in ((50, 3), (99, 10))),
        *(lighter(f"one idle worker: {what}", idle, name, scale, unit) for what, name, scale, unit in (
            ("memory", "memory", 1e-6, "MB"), ("start", "start", 1, "s"), ("CPU of the start", "start_cpu", 1, "s"))),
    ]  # fmt: skip


def decisions(few: deciding.Decided, many: deciding.Decided) -> list[Figure]:
    growth = median(many.server_us) / median(few.server_us)
    pace = f"decision at {deciding.RATE:.0f}/s, 100 pools"
    return [
        sooner(f"{pace}, 1 000 held, p99", few.percentile(99), None, 5),
        sooner(f"{pace}, 100 000 held, p99", many.percentile(99), None, 5),
        Figure(
            "server per decision, 100 000 held [1 000 held]", median(many.server_us), median(few.server_us), "us", growth, None, growth,
            "<= 1.1 x", growth <= 1.1,
        ),
    ]  # fmt: skip


def real_pools() -> list[Figure]:
    """p99 of real workers over the clairvoyant's for the same arrivals; beside it a strategy that binds early, and plain Celery."""
    (ours,) = unequal.measure_apart(UNEQUAL, ("late_binding",))
    others = unequal.measure_apart(UNEQUAL_OTHERS, ("least_connections", unequal.PLAIN))
    is_met = ours.p99_ratio <= 1.25
    return [
        Figure(f"real pools of unequal speed, p99 / ideal [{row.who.removesuffix(', one queue')}]", ours.p99_ratio, row.p99_ratio, "x",
               ours.p99_ratio / row.p99_ratio, None, None, "<= 1.25 x", is_met)
        for row in others
    ]  # fmt: skip


def simulated_figure(row: simulated.Judged) -> Figure:
    return Figure(row.what, row.fleet, row.beside, row.unit, None, row.spread, None, row.goal, row.is_met)


def faster(what: str, ours: list[Spent], theirs: list[Spent], times: float) -> Figure:
    ratios = [other.wall / own.wall for own, other in zip(ours, theirs, strict=True)]
    ratio, cpu = median(ratios), submitting.times(ours, theirs, cpu=True)
    return Figure(
        what, submitting.rate(ours), submitting.rate(theirs), "tasks/s", ratio, (min(ratios), max(ratios)), cpu, f">= {times:g} x", ratio >= times
    )  # fmt: skip


def sooner(what: str, fleet: float, plain: float | None, most: float) -> Figure:
    return Figure(what, fleet, plain, "ms", plain and fleet / plain, None, None, f"<= {most:g} ms", fleet <= most)


def lighter(what: str, idle: dict[str, list[idling.Idle]], name: str, scale: float, unit: str) -> Figure:
    ours, theirs = ([getattr(row, name) * scale for row in idle[kind]] for kind in ("fleet", "plain Celery"))
    ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
    ratio = median(ratios)
    return Figure(what, median(ours), median(theirs), unit, ratio, (min(ratios), max(ratios)), None, "<= 1.3 x", ratio <= 1.3)


def table(figures: list[Figure]) -> str:
    width = max(len(row.what) for row in figures)
    lines = [f"{'beside plain Celery, or [another]':{width}} {'fleet':>9} {'beside':>9} {'':7} {'ratio':>6} {'(range)':>13} {'CPU':>6}  goal"]
    for row in figures:
        fleet, beside, ratio, cpu = ("" if value is None else number(value) for value in (row.fleet, row.beside, row.ratio, row.cpu_ratio))
        spread = f"({row.spread[0]:.2f}-{row.spread[1]:.2f})" if row.spread else ""
        verdict = "" if row.is_met is None else "met" if row.is_met else "missed"
        lines.append(f"{row.what:{width}} {fleet:>9} {beside:>9} {row.unit:7} {ratio:>6} {spread:>13} {cpu:>6}  {row.goal} {verdict}".rstrip())
    return "\n".join(lines)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.1f}" if value >= 100 else f"{value:,.2f}"


if __name__ == "__main__":
    rows = measure()
    with stage.broker():
        per_step = steps.table()
    if "--json" in sys.argv:
        print(json.dumps({"figures": [asdict(row) for row in rows], "steps": [asdict(row) for row in per_step]}, indent=1))
    else:
        print(table(rows), steps.text(per_step), sep="\n\n")
