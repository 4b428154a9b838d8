"""Is what users declare merged, checked, and complained about with its place?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.catalogue.load import combine, load
from fleet.catalogue.positions import read
from fleet.errors import ConfigurationError
from fleet.settings import build


def declared(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "fleet.yaml"
    file.write_text(text)
    return file


def test_defaults_need_no_file() -> None:
    catalogue = load()
    assert set(catalogue.pools) == {"code_generator", "security_scanner", "performance_tester"}
    assert catalogue.pools["code_generator"].queue == "fleet.code_generator"
    assert catalogue.compatibility_of("code_generation", "security_scanner") == 0.3
    assert catalogue.compatibility_of("code_generation", "nobody") == 0.5


def test_a_pool_without_slots_has_ten(tmp_path: Path) -> None:
    catalogue = load(declared(tmp_path, "pools:\n  extra: {agent_type: code_generator}\n"))
    assert catalogue.pools["extra"].slots == 10


def test_fields_are_merged_by_name_and_null_removes(tmp_path: Path) -> None:
    catalogue = load(declared(tmp_path, "pools:\n  code_generator: {slots: 7}\n  performance_tester: null\n"))
    assert catalogue.pools["code_generator"].slots == 7
    assert catalogue.pools["code_generator"].price_per_replica_hour_usd == 0.20
    assert "performance_tester" not in catalogue.pools


def test_every_complaint_has_its_line_and_column(tmp_path: Path) -> None:
    file = declared(
        tmp_path,
        "pools:\n  code_generator: {slots: 0, wieght: 3}\n  twin: {agent_type: code_generator, queue: fleet.code_generator}\n"
        "  lost: {agent_type: code_generatr}\npoolz: {}\n",
    )
    with pytest.raises(ConfigurationError) as refused:
        load(file)
    text = str(refused.value)
    assert f"{file}:2:20" in text
    assert f"{file}:2:30" in text
    assert "did you mean 'weight'" in text
    assert f"{file}:5:1" in text
    assert "did you mean 'pools'" in text


def test_references_and_shared_queues_are_checked(tmp_path: Path) -> None:
    file = declared(
        tmp_path,
        "pools:\n  twin: {agent_type: code_generator, queue: fleet.code_generator}\n  lost: {agent_type: code_generatr}\n",
    )
    with pytest.raises(ConfigurationError, match=r"share the queue(.|\n)*did you mean 'code_generator'"):
        load(file)


def test_a_doubled_key_is_refused_rather_than_overwritten() -> None:
    with pytest.raises(ConfigurationError, match=r"x\.yaml:3:3: 'a' is declared twice"):
        read("pools:\n  a: {}\n  a: {}\n", "x.yaml")


def test_an_installed_package_brings_its_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "fleet_agent_poet"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "fleet.yaml").write_text(
        "agent_types:\n  poet: {module: fleet_agent_poet.task, runs: [poem]}\ntask_types:\n  poem: {}\npools:\n  poet: {agent_type: poet}\n"
    )
    info = tmp_path / "fleet_agent_poet-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fleet-agent-poet\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[agent_fleet.agents]\npoet = fleet_agent_poet\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    catalogue = load()
    assert [pool.name for pool in catalogue.capable_pools("poem")] == ["poet"]


@given(st.text(max_size=200))
def test_no_text_does_anything_but_load_or_be_refused(text: str) -> None:
    with suppress(ConfigurationError):
        assert combine([read(text, "any.yaml")]).pools == {}


def test_settings_refuse_what_nobody_declared() -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean 'leases\.lease_seconds'"):
        build({}, {"FLEET_LEASES__LEASE_SECS": "3"})
    effective = build({"leases": {"lease_seconds": 9}}, {"FLEET_LEASES__LEASE_SECONDS": "12"})
    assert (effective.settings.leases.lease_seconds, effective.origins["leases.lease_seconds"]) == (12.0, "environment")
