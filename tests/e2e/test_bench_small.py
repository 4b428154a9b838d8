"""Do the benchmarks with real workers run, and count what they say they count? Figures are not asserted: they are not tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> Any:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
    command = [sys.executable, "-m", "fleet.cli.main", "bench", *arguments, "--json"]
    said = subprocess.run(command, cwd=ROOT, env=clean, check=False, capture_output=True, text=True, timeout=240)
    assert said.returncode == 0, said.stderr[-3000:]
    return json.loads(said.stdout)


@pytest.mark.timeout(300)
def test_unequal_pools_beside_the_clairvoyant() -> None:
    rows = {row["who"]: row for row in bench("unequal", "--tasks", "40")}
    assert set(rows) == {"late_binding", "least_connections", "plain Celery, one queue"}
    for row in rows.values():
        assert row["tasks"] == row["ended_once"] == 40
        assert 0.05 / 2 < row["clairvoyant_p50"] <= row["clairvoyant_p99"], "no task is shorter than the smallest on the fastest pool"
        assert row["p99_ratio"] == pytest.approx(row["p99"] / row["clairvoyant_p99"])
        assert row["p50"] > 0.05 / 2


@pytest.mark.timeout(300)
def test_what_a_cell_costs_is_what_the_simulation_of_cells_reads(tmp_path: Path) -> None:
    document = bench("cell", "--workers", "200")
    assert document["workers"] == 200
    file = tmp_path / "costs.json"
    file.write_text(json.dumps(document))
    command = [sys.executable, "-m", "fleet.cli.main", "simulate", "cells", "--costs", str(file), "--json"]
    sizing = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert sizing["costs"]["submit"] == document["microseconds"]["submit"] > 0
    assert sizing["is_enough"]


@pytest.mark.timeout(300)
def test_what_metrics_and_traces_cost_a_worker() -> None:
    found = bench("observing", "--rounds", "2")
    for kind in ("all off", "metrics", "traces", "all on"):
        assert found[f"tasks/s, {kind}"] > 0
        assert found[f"ms of processor time a task, worker, {kind}"] > 0
        assert found[f"ms of processor time a task, broker, {kind}"] > 0
    assert found["throughput, all on over all off"] > 0
    assert found["1 000 rules with windows over 1 000 series, s of processor time"] > 0
