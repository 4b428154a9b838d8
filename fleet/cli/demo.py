"""How is the demo started from a terminal?"""

from __future__ import annotations

import json
import sys
from importlib import import_module

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def demo(as_json: bool) -> None:
    """Start a throw-away fleet, run real tasks of every agent type, show what happened, stop everything."""
    from rich.console import Console

    # The demo is a program: the fleet only knows its name.
    run, picture = import_module("workers.demo.run"), import_module("workers.demo.picture")
    console = Console(stderr=as_json)
    with picture.progress(console) as watch:
        report = run.run(watch)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        console.print(picture.table(report))
        console.print(f"{len(report.rows)} tasks, ready after {report.seconds_to_ready:.1f} s, {report.seconds:.1f} s in all")
    for complaint in report.complaints:
        click.echo(f"wrong: {complaint}", err=True)
    if report.complaints:
        sys.exit(1)
