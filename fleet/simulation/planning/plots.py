"""What does a plan look like? One row per pool: the days that were, the month that is expected, and the trials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fleet.simulation.planning.past import Past
from fleet.simulation.planning.plan import Plan, PoolPlan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOUR, AHEAD, OTHER = "#2f7ed8", "#d07a1e", "#8a8f98"


def draw(plan: Plan, past: Past, path: Path) -> Path:
    """Write the picture (PNG or SVG by its suffix) and return where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure(plan, past).savefig(path, dpi=110)
    return path


def figure(plan: Plan, past: Past) -> Figure:
    """Return the picture."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(12, 3.2 * max(len(plan.pools), 1)), layout="constrained")
    rows = drawn.subplots(max(len(plan.pools), 1), 2, squeeze=False)
    for row, pool in zip(rows, plan.pools, strict=False):
        _forecast(row[0], plan, pool, past)
        _trials(row[1], pool)
    return drawn


def _forecast(axes: Axes, plan: Plan, pool: PoolPlan, past: Past) -> None:
    days = past.days(pool.pool)
    axes.bar(np.arange(len(days)) - len(days), days, color=COLOUR, label="was")
    if pool.tasks is not None:
        begin, length = 1, plan.month_days
        mean, low, high = (value / length for value in (pool.tasks.total.value, pool.tasks.total.low, pool.tasks.total.high))
        axes.fill_between([begin, begin + length], low, high, color=AHEAD, alpha=0.25, label="95 %")
        axes.plot([begin, begin + length], [mean, mean], color=AHEAD, label=f"{plan.month}, mean day")
    axes.set(title=f"{pool.pool}: tasks a day", xlabel="days from today; the month follows", ylabel="tasks")
    axes.set_ylim(bottom=0, top=1.3 * max(1.0, axes.get_ylim()[1]))  # the legend has room above the bars
    axes.legend(fontsize="small", loc="upper left", ncols=3)


def _trials(axes: Axes, pool: PoolPlan) -> None:
    for index, trial in enumerate(pool.trials):
        label = ", ".join(f"{name.rpartition('.')[2]}={value}" for name, value in trial.changes.items()) or "as it is"
        axes.plot(trial.replica_hours_a_day, 100 * trial.late_share, "o" if index else "s", label=label,
                  color=COLOUR if not index else None)  # fmt: skip
    axes.axhline(100 * pool.allowed_late_share, color=OTHER, linewidth=0.8, linestyle="--")
    axes.set(title=f"{pool.pool}: backtests", xlabel="replica-hours on a usual day", ylabel="late tasks, %")
    if pool.trials:
        axes.legend(fontsize="x-small", loc="best")
    else:
        axes.text(0.5, 0.5, "no backtest: too little history", ha="center", va="center", transform=axes.transAxes)
