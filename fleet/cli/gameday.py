"""How is a game day held?"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from fleet.cli.answer import answer, json_option, table


@click.command()
@click.argument("experiments", nargs=-1)
@click.option("--tasks", "count", default=60, show_default=True, help="Tasks of load in each experiment.")
@json_option
def gameday(experiments: tuple[str, ...], count: int, as_json: bool) -> None:
    """Break a throw-away fleet on purpose and score what follows. Names of EXPERIMENTS choose; none: all."""
    run = import_module("workers.gameday.run")
    scores = run.run(run.chosen(experiments), count, lambda line: click.echo(line, err=True))
    heads = ("experiment", "tasks", "in flight", "lost", "doubled", "ran again", "recovered s", "all done s", "holds")
    rows = [
        (s.name, s.tasks, s.in_flight, s.lost, s.doubled, s.ran_again, "-" if s.recovered_seconds is None else f"{s.recovered_seconds:.1f}",
         f"{s.finished_seconds:.1f}", "yes" if s.holds else "NO: " + "; ".join(s.reasons))
        for s in scores
    ]  # fmt: skip
    answer(
        {"ok": all(s.holds for s in scores), "experiments": [s.as_dict() for s in scores]}, as_json, table(heads, rows)
    )
    if not all(s.holds for s in scores):
        sys.exit(1)
