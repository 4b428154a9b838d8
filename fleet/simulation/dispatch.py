"""Which strategy serves this workload best, relative to one that knows everything?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fleet.simulation.contestants import REFERENCE, contestant_named, contestants
from fleet.simulation.engine import simulate
from fleet.simulation.results import Summary, summarise
from fleet.simulation.workload import Workload

DEFAULT_SIGMA = 0.5


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy over all seeds."""

    strategy: str
    summaries: tuple[Summary, ...]
    p99_ratios: tuple[float, ...]
    """p99 response over the reference's, by seed."""
    mean_ratios: tuple[float, ...]

    @property
    def p99_ratio(self) -> float:
        """Return the mean over seeds."""
        return float(np.mean(self.p99_ratios))

    def mean(self, field: str) -> float:
        """Return the mean over seeds of a figure of the summary."""
        return float(np.mean([getattr(summary, field) for summary in self.summaries]))

    @property
    def wait_by_quarter(self) -> tuple[float, ...]:
        """Return mean waits by quarter of the run, averaged over seeds."""
        return tuple(np.mean([summary.wait_by_quarter for summary in self.summaries], axis=0).tolist())

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "strategy": self.strategy,
            "p99_vs_clairvoyant": self.p99_ratio,
            "p99_vs_clairvoyant_range": [min(self.p99_ratios), max(self.p99_ratios)],
            "mean_vs_clairvoyant": float(np.mean(self.mean_ratios)),
            "seeds": [summary.as_dict() for summary in self.summaries],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every strategy on the same workloads."""

    workload: str
    source: str
    load: float
    """Offered work as a share of the most the fleet can carry, as drawn."""
    tasks: int
    sigma: float
    rows: tuple[Row, ...]

    def row(self, strategy: str) -> Row:
        """Return one strategy's row."""
        return next(row for row in self.rows if row.strategy == strategy)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "workload": self.workload,
            "source": self.source,
            "load": self.load,
            "tasks": self.tasks,
            "size_error_sigma": self.sigma,
            "rows": [row.as_dict() for row in self.rows],
        }

    def text(self) -> str:
        """Return the table, best p99 first."""
        heads = ("strategy", "p99 / ideal", "range", "mean / ideal", "p99 s", "mean s", "wait <= 10 s", "success",
                 "mean wait by quarter, s")  # fmt: skip
        lines = [_cells(row) for row in sorted(self.rows, key=lambda row: row.p99_ratio)]
        widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
        table = [_aligned(line, widths) for line in (heads, *lines)]
        title = (
            f"{self.workload} ({self.source}): {self.tasks} tasks x {len(self.rows[0].summaries)} seeds, "
            f"load {self.load:.2f}, size known within a log-normal error of {self.sigma}; ideal = {REFERENCE}"
        )
        return "\n".join((title, "", *table))


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    first, *others = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join((first.strip().ljust(widths[0]), *others))


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.strategy,
        f"{row.p99_ratio:.2f}",
        f"{min(row.p99_ratios):.2f}-{max(row.p99_ratios):.2f}",
        f"{np.mean(row.mean_ratios):.2f}",
        f"{row.mean('response_p99'):.0f}",
        f"{row.mean('response_mean'):.1f}",
        f"{row.mean('within_10_seconds'):.1%}",
        f"{row.mean('success'):.2%}",
        " / ".join(f"{wait:.1f}" for wait in row.wait_by_quarter),
    )


def contest(strategies: Sequence[str] = ()) -> tuple[str, ...]:
    """Return who takes part: the reference and the named ones (default: all); an unknown name is refused."""
    for name in strategies:
        contestant_named(name)
    return tuple(dict.fromkeys((REFERENCE, *(strategies or contestants()))))


def compare(
    workload: Callable[[int], Workload],
    strategies: Sequence[str] = (),
    seeds: Sequence[int] = (1, 2, 3),
    sigma: float = DEFAULT_SIGMA,
    progress: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Play `workload(seed)` for every seed under every strategy (default: all) and under the reference."""
    factories = {name: contestant_named(name) for name in contest(strategies)}
    summaries: dict[str, list[Summary]] = {name: [] for name in factories}
    loads, sizes, label, source = [], [], "", ""
    for seed in seeds:
        drawn = workload(seed)
        label, source = drawn.name, drawn.source
        loads.append(drawn.utilisation)
        sizes.append(len(drawn))
        for name, factory in factories.items():
            summaries[name].append(summarise(simulate(drawn, factory(drawn, sigma))))
            progress(f"{name}, seed {seed}")
    ideal = summaries[REFERENCE]
    rows = tuple(
        Row(
            strategy=name,
            summaries=tuple(found),
            p99_ratios=tuple(s.response_p99 / i.response_p99 for s, i in zip(found, ideal, strict=True)),
            mean_ratios=tuple(s.response_mean / i.response_mean for s, i in zip(found, ideal, strict=True)),
        )
        for name, found in summaries.items()
    )
    return Comparison(label, source, float(np.mean(loads)), int(np.mean(sizes)), sigma, rows)
