"""How would other scaling settings have served this workload? (`fleet simulate scaling`)"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet.cli.progress import progress

if TYPE_CHECKING:
    from fleet.simulation.scaling.backtest import Backtest, Row
    from fleet.simulation.scaling.workload import ServiceTimes, Workload

SYNTHETIC = ("diurnal", "sparse", "on_off")


@click.command("scaling")
@click.option(
    "--trace",
    type=click.Path(path_type=Path),
    help="CSV (or .gz): t_s and, if known, service_s; or tokens, rates, JSON lines.",
)
@click.option(
    "--history", type=click.FloatRange(min=0, min_open=True), metavar="DAYS", help="Replay this fleet's past."
)
@click.option("--pool", help="With --history: only what this pool ran.")
@click.option("--synthetic", type=click.Choice(SYNTHETIC), help="A generated workload; the default is diurnal.")
@click.option(
    "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="Also play the decider with this changed."
)
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1, 50), help="Repeat with so many seeds.")
@click.option("--seed", default=1, show_default=True, help="The first seed.")
@click.option(
    "--rate", default=1.0, show_default=True, type=click.FloatRange(min=0, min_open=True), help="Tasks a second."
)
@click.option("--service", default=20.0, show_default=True, help="Mean service seconds where the trace has none.")
@click.option("--variation", default=1.0, show_default=True, help="Coefficient of variation of service times.")
@click.option("--size-error", type=float, help="Log-error of size predictions; default: the mean is predicted.")
@click.option("--slots", default=4, show_default=True, type=click.IntRange(1), help="Slots per replica.")
@click.option(
    "--startup", default=(30.0, 60.0), show_default=True, nargs=2, type=float, help="Start-up seconds, from and to."
)
@click.option("--min", "minimum", default=1, show_default=True, type=click.IntRange(0), help="Fewest replicas.")
@click.option("--max", "maximum", default=1000, show_default=True, type=click.IntRange(1), help="Most replicas.")
@click.option("--price", default=1.0, show_default=True, type=click.FloatRange(0), help="USD per replica-hour.")
@click.option(
    "--goal", default=30.0, show_default=True, type=click.FloatRange(min=0, min_open=True), help="Wait goal, s."
)
@click.option(
    "--kill-after", type=float, help="Kill the rivals' leaving replicas after so many seconds; default: they drain."
)
@click.option("--plot", type=click.Path(path_type=Path), help="Write a picture here (.png or .svg).")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as data.")
def scaling(
    trace: Path | None,
    history: float | None,
    pool: str | None,
    synthetic: str | None,
    assignments: tuple[str, ...],
    seeds: int,
    seed: int,
    rate: float,
    service: float,
    variation: float,
    size_error: float | None,
    slots: int,
    startup: tuple[float, float],
    minimum: int,
    maximum: int,
    price: float,
    goal: float,
    kill_after: float | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Replay a workload through the scaling decider and its rivals.

    The decider is the one production runs. Rivals: KEDA on list length 5 and 10, KEDA on in-flight work at 80 %, HPA on
    utilisation at 70 %, Knative's panic window, the reference threshold rule. The yardstick knows the future.
    """
    from fleet.scaling.targets import DecisionSettings
    from fleet.simulation.scaling.backtest import averaged, play
    from fleet.simulation.scaling.contenders import CONTENDERS, variant
    from fleet.simulation.scaling.pool_values import PoolShape
    from fleet.simulation.scaling.variants import varied
    from fleet.simulation.scaling.workload import ServiceTimes

    if sum(source is not None for source in (trace, history, synthetic)) > 1:
        raise click.UsageError("choose one of --trace, --history and --synthetic")
    shape = PoolShape(slots, minimum, maximum, startup, price, goal)
    times = ServiceTimes(service, variation, size_error)
    contenders = list(CONTENDERS)
    if assignments:
        contenders.insert(1, variant(", ".join(assignments), varied(DecisionSettings(), assignments)))
    backtests = []
    with progress("reading", seeds * (len(contenders) + 1), as_json=as_json) as steps:
        for number in range(seed, seed + seeds):
            workload = _workload(trace, history, pool, synthetic or "diurnal", number, rate, times)
            backtests.append(play(workload, shape, DecisionSettings(), contenders, number, kill_after, steps.done))
            steps.say(f"seed {number}: {len(workload.arrivals):,} tasks played")
    rows = averaged(backtests)
    picture = None
    if plot is not None:
        from fleet.simulation.scaling.plots import draw

        picture = draw(backtests[0], plot, slots)
    if as_json:
        _print_json(backtests, rows, picture)
    else:
        _print_table(backtests, rows, picture)


def _workload(
    trace: Path | None,
    history: float | None,
    pool: str | None,
    synthetic: str,
    seed: int,
    rate: float,
    times: ServiceTimes,
) -> Workload:
    from fleet.simulation.scaling import replay, workload

    if history is not None:
        from fleet.settings import current
        from fleet.simulation.scaling import own_history
        from fleet.store.client import connect

        return own_history.read(connect(), current().cell, history, pool)
    if trace is not None:
        return replay.read(trace, seed, rate, times)
    if synthetic == "sparse":
        return workload.sparse(seed, times=times)
    make = workload.diurnal if synthetic == "diurnal" else workload.on_off
    return make(seed, rate, times=times)


def _print_json(backtests: list[Backtest], rows: tuple[Row, ...], picture: Path | None) -> None:
    import orjson

    report = {
        "workload": backtests[0].workload,
        "origin": [backtest.origin for backtest in backtests],
        "tasks": [backtest.tasks for backtest in backtests],
        "days": [round(backtest.days, 3) for backtest in backtests],
        "mean": rows,
        "by_seed": [{"seed": backtest.seed, "rows": backtest.rows} for backtest in backtests],
        "plot": str(picture) if picture else None,
    }
    click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2))


def _print_table(backtests: list[Backtest], rows: tuple[Row, ...], picture: Path | None) -> None:
    first = backtests[0]
    seeds = f", mean of {len(backtests)} seeds" if len(backtests) > 1 else ""
    click.echo(f"{first.origin}: {first.tasks:,} tasks in {first.days:.2f} days{seeds}\n")
    width = max(len(row.contender) for row in rows)
    click.echo(
        f"{'':{width}}  <= 10 s  <= 30 s  p99 wait  response  replica-h  x clairv.        USD  killed  cut at 30 s"
    )
    for row in rows:
        click.echo(
            f"{row.contender:{width}}  {100 * row.within_10_seconds:7.2f}  {100 * row.within_30_seconds:7.2f}"
            f"  {row.wait_p99_seconds:8.1f}  {row.response_mean_seconds:8.1f}  {row.replica_hours:9.1f}"
            f"  {row.against_clairvoyant:9.2f}  {row.dollars:9.2f}  {row.killed:6d}  {row.cut_at_30_seconds:11d}"
        )
    click.echo("\ncut at 30 s: tasks a 30 s grace period would have killed; the fleet's own replicas drain instead")
    if picture:
        click.echo(f"picture: {picture}")
