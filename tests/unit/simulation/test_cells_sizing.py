"""Does the sizing of cells agree with arithmetic and queueing theory, and does the command say what is enough?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fleet.cli.simulate import simulate
from fleet.simulation.cells import EventCosts, FleetSize, _waits, size_up


def test_waits_are_those_of_pollaczek_and_khinchine() -> None:
    costs = EventCosts(submit=500, claim=500, finish=500, heartbeat=500, tick=500)
    waits = _waits({"submit": 1200.0}, costs, 200.0, np.random.default_rng(3))
    busy, service = 0.6, 0.0005
    assert float(waits.mean()) == pytest.approx(busy * service / (2 * (1 - busy)), rel=0.05)


def test_nothing_is_lost_between_the_cells() -> None:
    sizing = size_up(FleetSize(10_000, 1000, 500), EventCosts(), 3)
    assert sum(cell.tasks_per_second for cell in sizing.cells) == pytest.approx(1000)
    assert sum(cell.tenants for cell in sizing.cells) == 500
    assert abs(sum(cell.workers for cell in sizing.cells) - 10_000) <= 2
    cell = sizing.cells[0]
    by_hand = cell.tasks_per_second * 875e-6 + cell.workers / 2 * 44e-6 + 4 * 300e-6
    assert cell.utilisation == pytest.approx(by_hand)


def test_ten_thousand_workers_and_a_thousand_tasks_a_second_fit() -> None:
    said = CliRunner().invoke(simulate, ["cells", "--workers", "10000", "--rate", "1000", "--json"])
    assert said.exit_code == 0, said.output
    document = json.loads(said.stdout)
    assert document["is_enough"]
    assert len(document["cells"]) >= 2
    alone = json.loads(CliRunner().invoke(simulate, ["cells", "--cells", "1", "--json"]).stdout)
    assert not alone["is_enough"]
    assert alone["cells"][0]["wait_p99_ms"] is None, "a Redis asked for more than it has only falls behind"


def test_measured_costs_are_read_and_others_refused(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    file.write_text(json.dumps({"microseconds": dict.fromkeys(("submit", "claim", "finish", "heartbeat", "tick"), 10.0)}))
    assert "1 cell: enough" in CliRunner().invoke(simulate, ["cells", "--costs", str(file)]).stdout
    file.write_text("{}")
    refused = CliRunner().invoke(simulate, ["cells", "--costs", str(file)])
    assert "fleet bench cell --json" in str(refused.exception)
