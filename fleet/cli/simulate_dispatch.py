"""Which dispatch strategy would have served this workload best? (`fleet simulate dispatch`)"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet.simulation.dispatch import Comparison
    from fleet.simulation.workload import Workload


@click.command("dispatch")
@click.option("--workload", default="poisson", show_default=True, help="A named workload; an unknown one lists them.")
@click.option(
    "--trace", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="CSV with t_s, size_s, type, tenant."
)
@click.option(
    "--history", type=click.FloatRange(min=0, min_open=True), metavar="DAYS", help="Replay this fleet's own past."
)
@click.option("--load", type=click.FloatRange(0.01, 1.5), help="Share of the fleet's capacity [workloads: 0.75; else as it was].")
@click.option("--strategy", "strategies", multiple=True, help="Only this one; may be repeated.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1, 100), help="How many draws.")
@click.option("--tasks", type=click.IntRange(100), help="Tasks per draw [workloads: 10000, traces: all].")
@click.option(
    "--size-error", default=0.5, show_default=True, type=click.FloatRange(0), help="Log-error of declared sizes."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures of every seed as data.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write a picture here (.png or .svg).")
def dispatch(workload: str, trace: Path | None, history: float | None, load: float | None, strategies: tuple[str, ...],
             seeds: int, tasks: int | None, size_error: float, as_json: bool, plot: Path | None) -> None:  # fmt: skip
    """Play one workload under every strategy, relative to a dispatcher that knows everything.

    late_binding runs the Lua that production runs inside Redis. Names ending in _at_pools choose on arrival for good
    and queue at the pool, as Celery routing alone would; without it, tasks no pool has room for are held centrally.
    """
    from fleet.errors import FleetError
    from fleet.simulation.plots import checked

    if trace and history:
        raise click.UsageError("choose one of --trace and --history")
    try:
        if plot:
            checked(plot)
        comparison = _compared(_drawing(workload, trace, history, load, tasks), strategies, seeds, size_error, as_json)
    except FleetError as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(comparison.as_dict(), indent=2) if as_json else comparison.text())
    if plot:
        from fleet.simulation.plots import draw

        draw(comparison, plot)
        click.echo(f"drawn to {plot}", err=True)


def _drawing(
    name: str, trace: Path | None, history: float | None, load: float | None, tasks: int | None
) -> Callable[[int], Workload]:
    from fleet.simulation.fleets import unequal_pools
    from fleet.simulation.scenarios import scenario_named
    from fleet.simulation.traces import read
    from fleet.simulation.workload import scaled

    if trace:
        return lambda seed: read(trace, unequal_pools(), load=load, tasks=tasks, seed=seed)
    if history:
        from fleet.simulation.own_past import read as read_past

        return lambda seed: scaled(read_past(history, seed), load)
    scenario = scenario_named(name)
    return lambda seed: scenario(load or 0.75, tasks or 10_000, seed)


def _compared(
    drawing: Callable[[int], Workload], strategies: tuple[str, ...], seeds: int, size_error: float, as_json: bool
) -> Comparison:
    from fleet.simulation.dispatch import compare, contest

    names = contest(strategies)
    with progress("drawing", len(names) * seeds, as_json=as_json) as steps:
        return compare(drawing, names, range(1, seeds + 1), size_error, steps.done)
