"""What did a pool's size look like over time?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fleet.clock import utc


def draw(pool: str, entries: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Write target, ready replicas, demand and wait of a pool as a picture (PNG or SVG by suffix)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), layout="constrained")
    sizes, waits = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    times = [utc(entry["at"]) for entry in entries]
    sizes.step(times, [entry["replicas"] for entry in entries], where="post", label="target")
    sizes.step(times, [entry["ready"] for entry in entries], where="post", label="ready")
    demand = sizes.twinx()
    demand.plot(times, [entry["running"] + entry["waiting"] for entry in entries], color="0.6", linewidth=0.8)
    demand.set_ylabel("tasks running or waiting (grey)")
    sizes.set(ylabel="replicas", title=f"pool {pool}")
    sizes.legend(loc="upper left")
    waits.plot(times, [entry["wait"] for entry in entries], linewidth=0.8)
    waits.set(ylabel="mean wait, s", xlabel="UTC")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path
