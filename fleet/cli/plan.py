"""What will next month need and cost, and what should be changed for it? (`fleet plan`)"""

from __future__ import annotations

from pathlib import Path

import click

from fleet.cli.answer import answer, json_option
from fleet.cli.progress import progress


@click.command()
@click.option("--pool", help="Only this pool.")
@click.option(
    "--startup", default=(30.0, 60.0), show_default=True, nargs=2, type=float,
    help="Seconds a replica takes to start, from and to.",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Of the simulator's draws.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write a picture here (.png or .svg).")
@json_option
def plan(pool: str | None, startup: tuple[float, float], seed: int, plot: Path | None, as_json: bool) -> None:
    """Forecast next month's tasks and bill from the fleet's own history, and propose changes.

    Every proposal was played by the production deciders on the busiest and the usual recorded day, scaled to the forecast.
    Nothing is changed. With too little history it says what is missing instead of guessing.
    """
    from fleet import catalogue
    from fleet.errors import UnknownName
    from fleet.settings import current
    from fleet.simulation.planning.make import plan as make
    from fleet.simulation.planning.past import gather
    from fleet.simulation.planning.words import said
    from fleet.store.client import connect

    settings, declared = current(), catalogue.current()
    if pool is not None and pool not in declared.pools:
        raise UnknownName("pool", pool, declared.pools)
    with progress("reading the past", 1 if pool else len(declared.pools), as_json=as_json) as steps:
        past = gather(connect(), settings, declared.pools)
        done = make(past, declared, settings, startup, pool, seed, steps.done)
    lines = [click.style(line, bold=True) if line.startswith("pool ") else line for line in said(done)]
    if plot is not None:
        from fleet.simulation.planning.plots import draw

        lines.append(f"picture: {draw(done, past, plot)}")
    answer(done, as_json, lines)
