"""How is the demo started from a terminal?"""

from __future__ import annotations

import json
import sys
from importlib import import_module

import click

WIDTH = 118
"""Columns of the table where there is no terminal to ask."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--picture", type=click.Path(dir_okay=False), help="Write the result table as an SVG, too.")
def demo(as_json: bool, picture: str | None) -> None:
    """Start a throw-away fleet, run real tasks of every agent type, show what happened, stop everything."""
    from rich.console import Console

    # The demo is a program: the fleet only knows its name.
    run, show = import_module("workers.demo.run"), import_module("workers.demo.picture")
    console = Console(stderr=as_json, record=bool(picture), width=None if sys.stdout.isatty() else WIDTH)
    with show.progress(console) as watch:
        report = run.run(watch)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        console.print(show.table(report))
        console.print(f"{len(report.rows)} tasks, ready after {report.seconds_to_ready:.1f} s, {report.seconds:.1f} s in all")
    if picture:
        console.save_svg(picture, title="make demo")
    for complaint in report.complaints:
        click.echo(f"wrong: {complaint}", err=True)
    if report.complaints:
        sys.exit(1)
