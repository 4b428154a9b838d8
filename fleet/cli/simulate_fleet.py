"""What do dispatch and scaling cost and deliver together? (`fleet simulate fleet`)"""

from __future__ import annotations

import click

from fleet.cli.answer import answer, json_option, table
from fleet.cli.progress import progress


@click.command("fleet")
@click.option("--seed", default=1, show_default=True, help="Seed of the day.")
@click.option("--days", default=1.0, show_default=True, type=click.FloatRange(min=0.01, max=7), help="Length.")
@click.option(
    "--rate", default=1.75, show_default=True, type=click.FloatRange(min=0, min_open=True), help="Tasks a second."
)
@click.option(
    "--only", multiple=True, metavar="TEXT", help="Only systems whose name contains this (the reference always)."
)
@json_option
def fleet(seed: int, days: float, rate: float, only: tuple[str, ...], as_json: bool) -> None:
    """Simulate a day of four unlike pools under pairs of dispatching and scaling, with the production deciders.

    A full day of every system takes some minutes; --days and --only shorten it.
    """
    from fleet.simulation.scaling.end_to_end import REFERENCE, against, day, play, systems

    workload = day(seed, rate, days)
    wanted = [one for one in systems() if not only or one.name == REFERENCE or any(text in one.name for text in only)]
    rows = []
    with progress("playing", len(wanted), as_json=as_json) as steps:
        for system in wanted:
            rows.append(play(workload, system, seed))
            steps.done(system.name)
    ratios = against(rows)
    heads = (
        "system",
        "p99 wait",
        "<= 10 s",
        "<= 30 s",
        "response mean / p99",
        "USD",
        "replica-h",
        "x USD",
        "x late",
        "x mean",
    )
    lines = [
        (
            row.system,
            f"{row.wait_p99_seconds:.1f} s",
            f"{100 * row.within_10_seconds:.2f} %",
            f"{100 * row.within_30_seconds:.2f} %",
            f"{row.response_mean_seconds:.1f} / {row.response_p99_seconds:.0f} s",
            f"{row.dollars:.0f}",
            f"{row.replica_hours:.0f}",
            *(f"{ratios[row.system][name]:.2f}" for name in ("dollars", "violations", "response")),
        )
        for row in rows
    ]
    head = f"{len(workload):,} tasks in {days:g} days, seed {seed} (synthetic; size estimates with log-error 0.5)"
    document = {"tasks": len(workload), "seed": seed, "days": days, "rows": rows, f"against {REFERENCE}": ratios}
    answer(document, as_json, [head, "", table(heads, lines), "", f"x: against {REFERENCE}"])
