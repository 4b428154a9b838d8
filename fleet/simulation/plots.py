"""What does a comparison look like?"""

from __future__ import annotations

from pathlib import Path

from fleet.errors import ConfigurationError
from fleet.simulation.dispatch import Comparison

FORMATS = (".png", ".svg")


def checked(path: Path) -> Path:
    """Return a path that can be drawn to; refuse it before an hour of simulation, not after."""
    if path.suffix not in FORMATS:
        raise ConfigurationError(f"cannot draw to {path.name!r}: end the file name in {' or '.join(FORMATS)}")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"cannot draw to {str(path)!r}: make its directory first")
    return path


def draw(comparison: Comparison, path: Path) -> None:
    """Write p99 response relative to the reference and mean wait over the run, as PNG or SVG by the file's name."""
    checked(path)
    from matplotlib.figure import Figure

    rows = sorted(comparison.rows, key=lambda row: -row.p99_ratio)
    figure = Figure(figsize=(12, 1.8 + 0.32 * len(rows)), layout="constrained")
    bars, waits = figure.subplots(1, 2, width_ratios=(3, 2))

    ratios = [row.p99_ratio for row in rows]
    spread = [
        [ratio - min(row.p99_ratios) for ratio, row in zip(ratios, rows, strict=True)],
        [max(row.p99_ratios) - ratio for ratio, row in zip(ratios, rows, strict=True)],
    ]
    colours = ["tab:green" if row.strategy.startswith("late_binding") else "tab:blue" for row in rows]
    bars.barh([row.strategy for row in rows], ratios, xerr=spread, color=colours, ecolor="0.4")
    bars.axvline(1.0, color="0.3", linewidth=0.8)
    bars.set_xscale("log")
    bars.set_xlabel("p99 response, clairvoyant = 1 (range over seeds)")

    best = sorted(comparison.rows, key=lambda row: row.p99_ratio)[:8]
    for row in best:
        waits.plot(range(1, 5), row.wait_by_quarter, marker="o", label=row.strategy)
    waits.set_xticks(range(1, 5))
    waits.set_xlabel("quarter of the run")
    waits.set_ylabel("mean wait, s")
    waits.legend(fontsize=7)
    figure.suptitle(f"{comparison.workload}: {comparison.tasks} tasks, load {comparison.load:.2f}")
    figure.savefig(path, dpi=120)
