"""Does the comparison rank everybody on the same tasks, print, draw, and hold the promised goals at small size?"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet.cli.simulate import simulate
from fleet.errors import ConfigurationError, UnknownName
from fleet.simulation import dispatch
from fleet.simulation.contestants import contestants
from fleet.simulation.fleets import unequal_pools
from fleet.simulation.plots import draw
from fleet.simulation.scenarios import SCENARIOS, scenario_named

FULL = os.environ.get("FLEET_TEST_SCALE") == "full"
TASKS, SEEDS = (40_000, (1, 2, 3, 4, 5, 6)) if FULL else (12_000, (1, 2, 3))


@pytest.mark.slow
@pytest.mark.parametrize("load", [0.6, 0.75, 0.9])
def test_late_binding_stays_near_the_clairvoyant(load: float) -> None:
    scenario = scenario_named("poisson")
    names = ("late_binding", "late_binding_type_mean")
    found = dispatch.compare(lambda seed: scenario(load, TASKS, seed), names, SEEDS)
    assert found.row("late_binding").p99_ratio <= 1.10
    assert found.row("late_binding_type_mean").p99_ratio <= 1.35


@pytest.mark.slow
def test_bursts_and_failures_do_not_break_it() -> None:
    for name, load in (("modulated", 0.7), ("failing_pool", 0.5)):
        scenario = scenario_named(name)
        found = dispatch.compare(lambda seed, s=scenario, x=load: s(x, TASKS, seed), ("late_binding",), SEEDS[:2])
        row = found.row("late_binding")
        assert row.mean("success") >= 0.999
        assert name == "failing_pool" or row.p99_ratio <= 1.20


def test_everybody_plays_and_the_table_shows_them() -> None:
    scenario = scenario_named("poisson")
    found = dispatch.compare(lambda seed: scenario(0.7, 400, seed), seeds=(1, 2))
    assert {row.strategy for row in found.rows} == set(contestants())
    assert found.row("clairvoyant").p99_ratios == (1.0, 1.0)
    for name in contestants():
        assert f"\n{name}  " in found.text()
    assert json.loads(json.dumps(found.as_dict()))["tasks"] == 400


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_named_workload_is_reproducible_and_near_its_load(name: str) -> None:
    one, same = (scenario_named(name)(0.6, 3_000, 4) for _ in range(2))
    assert (one.arrival == same.arrival).all()
    assert (one.size == same.size).all()
    assert name == "tenant_burst" or 0.35 < one.utilisation < 0.95


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_comparison_can_be_drawn(tmp_path: Path, suffix: str) -> None:
    scenario = scenario_named("equal_pools")
    found = dispatch.compare(lambda seed: scenario(0.7, 300, seed), ("late_binding", "round_robin"), (1,))
    draw(found, tmp_path / f"picture{suffix}")
    assert (tmp_path / f"picture{suffix}").stat().st_size > 5_000
    with pytest.raises(ConfigurationError, match=r"\.png or \.svg"):
        draw(found, tmp_path / "picture.pdf")


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(UnknownName, match="did you mean 'late_binding'"):
        dispatch.contest(("late_bindin",))
    with pytest.raises(UnknownName, match=r"known: .*poisson"):
        scenario_named("normal")


def test_the_command_prints_data_or_a_table(tmp_path: Path) -> None:
    args = ["dispatch", "--tasks", "300", "--seeds", "1", "--strategy", "late_binding"]
    data = CliRunner().invoke(simulate, [*args, "--json"])
    assert data.exit_code == 0, data.output
    assert [row["strategy"] for row in json.loads(data.stdout)["rows"]] == ["clairvoyant", "late_binding"]

    trace = tmp_path / "t.csv"
    trace.write_text("t_s,size_s,type\n" + "".join(f"{index / 3},{2 + index % 5},code\n" for index in range(300)))
    shown = CliRunner().invoke(simulate, [*args, "--trace", str(trace), "--plot", str(tmp_path / "p.svg")])
    assert shown.exit_code == 0, shown.output
    assert str(trace) in shown.stdout
    assert (tmp_path / "p.svg").exists()

    refused = CliRunner().invoke(simulate, [*args, "--workload", "poison"])
    assert refused.exit_code == 1
    assert "did you mean 'poisson'" in refused.output


def test_capacity_is_the_best_any_split_of_the_work_allows() -> None:
    fleet = unequal_pools()
    alone = [fleet.pools[pool].slots / (fleet.seconds[0, pool] * 17.5) for pool in range(4)]
    assert max(alone) < fleet.capacity() < 2 * sum(alone)
