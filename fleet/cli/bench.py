"""How fast is the fleet on this machine?"""

from __future__ import annotations

import click


@click.group()
def bench() -> None:
    """Measure side by side with what one would use instead, on throw-away brokers."""


@bench.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def dispatch(as_json: bool) -> None:
    """Every goal of dispatch in one table, beside plain Celery and other strategies in the same run; about six minutes."""
    _run("dispatch", as_json)


@bench.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def gateway(as_json: bool) -> None:
    """Submit and look at tasks over HTTP, beside a bare Starlette route with one Redis round trip in the same run."""
    _run("gateway", as_json)


@bench.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def money(as_json: bool) -> None:
    """What budgets and limits add to a submit, a million ledger entries analysed, what climbing the models saves."""
    _run("money", as_json)


@bench.command()
@click.option("--tasks", default=2000, show_default=True, type=click.IntRange(20), help="Tasks of each contestant.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def unequal(tasks: int, as_json: bool) -> None:
    """Real workers in pools of unequal speed, beside the simulator's clairvoyant for the same arrivals, and plain Celery."""
    _run("unequal", as_json, str(tasks))


@bench.command()
@click.option("--workers", default=10_000, show_default=True, type=click.IntRange(100), help="Workers on the roster.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as `fleet simulate cells --costs` reads it.")
def cell(workers: int, as_json: bool) -> None:
    """Measure what each kind of event costs the Redis of a cell."""
    _run("cell", as_json, str(workers))


@bench.command()
@click.option("--tasks", default=200, show_default=True, type=click.IntRange(1), help="Tasks of two seconds in each burst.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def burst(tasks: int, as_json: bool) -> None:
    """Follow two bursts with real processes: from zero out, then on the warm pool, and back to zero."""
    _run("burst", as_json, "--tasks", str(tasks))


@bench.command()
@click.option("--rounds", default=20, show_default=True, type=click.IntRange(1), help="Turns of a second for each kind of worker.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def observing(rounds: int, as_json: bool) -> None:
    """What metrics and traces cost a worker; a thousand rules over a thousand series; a scrape of a thousand workers."""
    _run("observing", as_json, "--rounds", str(rounds))


def _run(name: str, as_json: bool, *more: str) -> None:
    import os
    import subprocess
    import sys
    from pathlib import Path

    home = Path(__file__).resolve().parents[2]
    if not (home / "benchmarks" / f"{name}.py").is_file():
        raise click.ClickException("benchmarks/ is not installed with the package: run this from a checkout of the project")
    command = [sys.executable, "-m", f"benchmarks.{name}", *more, *(["--json"] if as_json else [])]
    # The benchmark brings its own broker and catalogue; what is set for this shell's fleet must not leak into it.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
    raise SystemExit(subprocess.run(command, cwd=home, env=clean, check=False).returncode)
