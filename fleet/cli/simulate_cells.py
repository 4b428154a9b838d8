"""How many cells does a fleet need? (`fleet simulate cells`)"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet.cli.answer import answer, json_option, table
from fleet.cli.progress import progress

if TYPE_CHECKING:
    from fleet.simulation.cells import EventCosts

MOST_CELLS = 64


@click.command("cells")
@click.option("--workers", default=10_000, show_default=True, type=click.IntRange(1), help="Registered workers in all.")
@click.option("--rate", default=1000.0, show_default=True, type=click.FloatRange(min=0, min_open=True), help="Tasks a second in all.")
@click.option("--tenants", default=1000, show_default=True, type=click.IntRange(1))
@click.option("--skew", default=0.8, show_default=True, type=click.FloatRange(0), help="Zipf exponent of the tenants' shares; 0: equal.")
@click.option("--cells", type=click.IntRange(1, MOST_CELLS), help="How many [the fewest that are enough].")
@click.option("--costs", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="What `fleet bench cell --json` printed.")
@click.option("--heartbeat", default=2.0, show_default=True, type=click.FloatRange(min=0, min_open=True), help="leases.heartbeat_seconds")
@click.option("--seed", default=1, show_default=True)
@json_option
def cells(
    workers: int, rate: float, tenants: int, skew: float, cells: int | None, costs: Path | None, heartbeat: float, seed: int, as_json: bool
) -> None:
    """Say how busy each cell's Redis would be, how long calls wait for it, and how many cells are enough."""
    from fleet.simulation.cells import SATURATED, FleetSize, size_up

    size = FleetSize(workers, rate, tenants, skew, heartbeat)
    counts = [cells] if cells else range(1, MOST_CELLS + 1)
    with progress("sizing up", as_json=as_json) as steps:
        for count in counts:
            steps.done(f"{count} cells")
            sizing = size_up(size, _costs(costs), count, seed=seed)
            if sizing.is_enough:
                break
    heads = ("cell", "tenants", "workers", "tasks/s", "busy", "wait p50 ms", "wait p99 ms", "could carry")
    rows = [
        (c.name, c.tenants, c.workers, f"{c.tasks_per_second:.0f}", f"{c.utilisation:.0%}", _shown(c.wait_p50_ms), _shown(c.wait_p99_ms),
         f"{c.most_tasks_per_second:.0f}/s")
        for c in sizing.cells
    ]  # fmt: skip
    verdict = "enough" if sizing.is_enough else "not enough"
    lines = [
        f"{workers} workers, {rate:g} tasks/s, {tenants} tenants (Zipf {skew:g}), {sizing.costs.task:.0f} us of a Redis per task:",
        table(heads, rows),
        f"{len(sizing.cells)} cell{'s' * (len(sizing.cells) > 1)}: {verdict} (a Redis should be busy {SATURATED:.0%} at most)",
    ]
    answer(sizing.as_dict(), as_json, lines)


def _costs(file: Path | None) -> EventCosts:
    from dataclasses import fields

    from fleet.errors import ConfigurationError
    from fleet.simulation.cells import EventCosts

    if file is None:
        return EventCosts()
    try:
        measured = json.loads(file.read_text())["microseconds"]
        return EventCosts(**{field.name: float(measured[field.name]) for field in fields(EventCosts)})
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{file} is not what `fleet bench cell --json` prints ({error!r})") from None


def _shown(wait_ms: float | None) -> str:
    return "grows" if wait_ms is None else f"{wait_ms:.2f}"
