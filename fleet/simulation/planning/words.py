"""What does a plan say, in words?"""

from __future__ import annotations

from collections.abc import Iterator

from fleet.simulation.planning.outlook import Outlook
from fleet.simulation.planning.plan import MoneyPlan, Plan, PoolPlan


def said(plan: Plan) -> Iterator[str]:
    """Yield the plan line by line; a pool's part begins with a line `pool NAME: ...`."""
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
    yield f"pool {pool.pool}: {_ahead(pool.tasks, 'tasks', 1.0, 0)}"
    if pool.unknown:
        yield f"  {pool.unknown}"
    if pool.trials:
        yield f"  played: {', '.join(pool.days_played)}"
        names = [", ".join(f"{name}={value}" for name, value in trial.changes.items()) or "as it is" for trial in pool.trials]
        width = max(map(len, names))
        yield f"  {'settings':{width}}    late  p99 wait s  replica-h/day  USD/day  most"
        for name, trial in zip(names, pool.trials, strict=True):
            yield (
                f"  {name:{width}}  {trial.late_share:6.2%}  {trial.wait_p99_seconds:10.1f}  {trial.replica_hours_a_day:13.1f}"
                f"  {trial.usd_a_day:7.2f}  {trial.most_replicas:4d}"
            )
    for proposal in pool.proposals:
        money = f"saves {proposal.usd_a_month:.2f}" if proposal.usd_a_month >= 0 else f"costs {-proposal.usd_a_month:.2f}"
        changes = ", ".join(f"{name}: {value}" for name, value in proposal.changes.items())
        yield f"  {proposal.kind}: {changes}  ({money} USD a month)"
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
