"""How did it go over time? Drawn as SVG that takes the page's colours."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fleet.reports.facts import Facts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GOOD, BAD, SECOND = "#2f7ed8", "#d0473e", "#8a8f98"
INK = "#123456"


def draw(facts: Facts) -> dict[str, str]:
    """Return title -> SVG: what ended, and the size of each pool that changed."""
    found = {"Tasks ended (red: failed)": _tasks(facts)}
    for pool in facts.pools:
        if pool.changes:
            found[f"Pool {pool.name}: target and ready replicas"] = _size(pool.points)
    return found


def _tasks(facts: Facts) -> str:
    figure, axes = _axes()
    times = [_day(at) for at, _, _ in facts.hourly]
    width = (facts.now.end - facts.now.start) / 48 / 86_400 * 0.9
    axes.bar(times, [total for _, total, _ in facts.hourly], width=width, color=GOOD, align="edge")
    axes.bar(times, [failed for _, _, failed in facts.hourly], width=width, color=BAD, align="edge")
    axes.set_xlim(_day(facts.now.start), _day(facts.now.end))
    return _svg(figure)


def _size(rows: Sequence[tuple[float, int, int]]) -> str:
    figure, axes = _axes()
    times = [_day(at) for at, _, _ in rows]
    axes.step(times, [ready for _, _, ready in rows], where="post", color=SECOND, linewidth=1)
    axes.step(times, [target for _, target, _ in rows], where="post", color=GOOD)
    return _svg(figure)


def _day(at: float) -> float:
    """Return the moment as matplotlib counts time: days since 1970."""
    return at / 86_400


def _axes() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 2.4), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(colors=INK, labelsize=8)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis_date()
    return figure, axes


def _svg(figure: Figure) -> str:
    for axes in figure.axes:
        axes.set_ylim(bottom=0, top=max(1.0, axes.get_ylim()[1]))  # once drawn: a limit set before keeps the plot from growing
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True)
    text = out.getvalue()
    return text[text.index("<svg") :].replace(INK, "currentColor")
