"""What does a backtest look like?

One picture per workload: demand and replicas over time for the leading contenders, and every contender as a point of
cost against attainment.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fleet.simulation.scaling.backtest import CLAIRVOYANT, Backtest

SHOWN = (CLAIRVOYANT, "staffing", "keda list length 5", "keda in-flight 80%")


def draw(backtest: Backtest, path: Path, slots_per_replica: int) -> Path:
    """Write the picture (PNG or SVG by its suffix) and return where it is."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), layout="constrained")
    over_time, trade = figure.subplots(2, 1, height_ratios=(3, 2))
    for name in SHOWN:
        if name not in backtest.samples:
            continue
        samples = backtest.samples[name]
        hours = np.asarray(samples.times) / 3600.0
        over_time.step(hours, samples.ordered, where="post", label=name, linewidth=0.9)
    leading = backtest.samples.get("staffing") or backtest.samples[CLAIRVOYANT]
    demand = (np.asarray(leading.running) + np.asarray(leading.queued)) / slots_per_replica
    over_time.fill_between(np.asarray(leading.times) / 3600.0, demand, color="0.85", label="work, in replicas")
    over_time.set(xlabel="hours", ylabel="replicas", title=f"{backtest.workload}: {backtest.tasks:,} tasks")
    over_time.legend(loc="upper right")
    for row in backtest.rows:
        trade.plot(row.against_clairvoyant, 100.0 * row.within_goal, "o", label=row.contender)
    trade.axhline(99.0, color="0.6", linewidth=0.8)
    trade.set(xlabel="replica-hours against the clairvoyant plan", ylabel="waits within the goal, %")
    trade.legend(loc="lower right", fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path
