"""What will next month need and cost, and what should be changed for it? (`fleet plan`)"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet.cli.answer import answer, json_option, table
from fleet.cli.progress import progress

if TYPE_CHECKING:
    from fleet.simulation.planning.outlook import Outlook
    from fleet.simulation.planning.plan import MoneyPlan, Plan, PoolPlan


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
    from fleet.store.client import connect

    settings, declared = current(), catalogue.current()
    if pool is not None and pool not in declared.pools:
        raise UnknownName("pool", pool, declared.pools)
    with progress("reading the past", 1 if pool else len(declared.pools), as_json=as_json) as steps:
        past = gather(connect(), settings, declared.pools)
        done = make(past, declared, settings, startup, pool, seed, steps.done)
    lines = list(_said(done))
    if plot is not None:
        from fleet.simulation.planning.plots import draw

        lines.append(f"picture: {draw(done, past, plot)}")
    answer(done, as_json, lines)


def _said(plan: Plan) -> Iterator[str]:
    cut = "; it is full, so older tasks have left it (telemetry.history_tasks keeps more)" if plan.is_cut else ""
    yield f"{plan.month}, from {plan.history_days:.1f} days of history{cut}"
    if plan.silent_tasks:
        yield f"{plan.silent_tasks} tasks that never ran are left out"
    for pool in plan.pools:
        yield ""
        yield from _pool(pool)
    yield ""
    yield from _money(plan.money, plan.month_days)


def _pool(pool: PoolPlan) -> Iterator[str]:
    yield click.style(f"pool {pool.pool}", bold=True) + f": {_ahead(pool.tasks, 'tasks', 1.0, 0)}"
    if pool.unknown:
        yield f"  {pool.unknown}"
    if pool.trials:
        yield f"  played: {', '.join(pool.days_played)}"
        rows = [
            (
                ", ".join(f"{name}={value}" for name, value in trial.changes.items()) or "as it is",
                f"{trial.late_share:.2%}", f"{trial.wait_p99_seconds:.1f}", f"{trial.replica_hours_a_day:.1f}",
                f"{trial.usd_a_day:.2f}", trial.most_replicas,
            )
            for trial in pool.trials
        ]  # fmt: skip
        heads = ("settings", "late", "p99 wait s", "replica-h/day", "USD/day", "most")
        yield from (f"  {line}" for line in table(heads, rows).splitlines())
    for proposal in pool.proposals:
        money = f"saves {proposal.usd_a_month:.2f}" if proposal.usd_a_month >= 0 else f"costs {-proposal.usd_a_month:.2f}"
        changes = ", ".join(f"{name}: {value}" for name, value in proposal.changes.items())
        yield f"  {click.style(proposal.kind, bold=True)}: {changes}  ({money} USD a month)"
        yield f"    {proposal.why}"
    if pool.trials and not pool.proposals and not pool.unknown:
        yield "  nothing tried here is better than what is set"


def _money(money: MoneyPlan, days: int) -> Iterator[str]:
    yield f"paid calls: {_ahead(money.paid_calls, 'USD', 1e-6, 2)}"
    yield f"replica time booked to tasks: {_ahead(money.replica_time, 'USD', 1e-6, 2)}"
    for name, limit, day in money.budgets:
        said = f"reached on day {day:.0f} of {days}" if day <= days + 1 else "holds"
        yield f"budget {name}, {limit / 1e6:.2f} USD a month: {said}"


def _ahead(outlook: Outlook | None, unit: str, scale: float, digits: int) -> str:
    if outlook is None:
        return "no forecast: three whole days (UTC) with something in them are needed"
    low, value, high = (f"{x * scale:,.{digits}f}" for x in (outlook.total.low, outlook.total.value, outlook.total.high))
    tested = (
        f"the last {outlook.tested_days} days, forecast from those before, came out {outlook.tested_error:.0%} off"
        if outlook.tested_error is not None
        else "too few days to test the forecast"
    )
    return f"{value} {unit} ({low} to {high}); {outlook.direction}, {outlook.days_known} days known; {tested}"
