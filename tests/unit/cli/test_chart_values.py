"""Do chart values say what the catalogue says, and nothing that is secret?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fleet.catalogue.load import combine, load
from fleet.catalogue.positions import read
from fleet.cli.chart_values import Images, chart_values, parts, secret_fields
from fleet.cli.main import cli
from fleet.errors import ConfigurationError
from fleet.settings import Settings

CHART = Path(__file__).parents[3] / "charts/fleet"
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
DIGEST = "sha256:" + "ab" * 32
OWN = """
settings:
  cell: eu
  broker: {url: "redis://:hunter2@x", connect_timeout_seconds: 3}
  llm: {api_key: sk-hunter2}
pools:
  code_generator: {slots: 7, min_replicas: 0, max_replicas: 3, image: "ghcr.io/me/gen:1.2"}
  code_generator@v2: {agent_type: code_generator, max_replicas: 2, grace_seconds: 30.5}
  performance_tester: {min_replicas: 0, max_replicas: 0}
"""


def fits(values: Any) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(
        {**values, "pools": {k: v for k, v in values["pools"].items() if v is not None}}
    )


def rendered(text: str, tmp_path: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    file = tmp_path / "fleet.yaml"
    file.write_text(text)
    done = CliRunner().invoke(cli, ["render", "chart-values", "--file", str(file), *arguments])
    assert done.exit_code == 0, done.output
    return yaml.safe_load(done.stdout), done.stderr


def test_the_charts_own_rows_are_those_of_the_built_in_catalogue() -> None:
    own = yaml.safe_load((CHART / "values.yaml").read_text())["pools"]
    found = chart_values(load(), None, own, Images()).values
    assert set(found["pools"]) == set(own)
    for name, row in found["pools"].items():
        assert row.items() <= own[name].items(), name


def test_a_file_becomes_values_the_schema_takes(tmp_path: Path) -> None:
    values, _ = rendered(OWN, tmp_path)
    fits(values)
    assert values["cell"] == "eu"
    assert values["pools"]["code_generator"] == {
        "agentType": "code_generator",
        "queue": "fleet.code_generator",
        "slots": 7,
        "minReplicas": 0,
        "maxReplicas": 3,
        "gracePeriodSeconds": 600,
        "image": {"registry": "ghcr.io", "repository": "me/gen", "tag": "1.2"},
    }
    assert values["pools"]["code_generator@v2"]["queue"] == "fleet.code_generator@v2"
    assert values["pools"]["code_generator@v2"]["gracePeriodSeconds"] == 31
    assert values["pools"]["performance_tester"]["enabled"] is False


def test_secrets_are_left_out_and_named(tmp_path: Path) -> None:
    values, complaints = rendered(OWN, tmp_path)
    assert "hunter2" not in yaml.safe_dump(values)
    assert values["catalogue"]["settings"]["broker"] == {"connect_timeout_seconds": 3}
    assert "settings.broker.url is secret" in complaints
    assert "settings.llm.api_key is secret" in complaints


def test_every_secret_setting_is_known_as_one() -> None:
    secret = {f"{group}.{name}" for group in Settings.model_fields for name in secret_fields(group)}
    assert {"broker.url", "broker.store_url", "costs.ledger_url", "llm.api_key", "secrets.vault_credential"} <= secret
    assert not any(name.endswith("_seconds") for name in secret)


def test_without_the_built_in_pools_the_charts_rows_are_taken_away() -> None:
    text = "defaults: false\nagent_types: {a: {module: m, runs: [t]}}\ntask_types: {t: {}}\npools: {p: {agent_type: a}}"
    declared = combine([read(text, "own")])
    found = chart_values(declared, yaml.safe_load(text), ["code_generator", "p"], Images("ghcr.io", "me/x", "2")).values
    assert found["pools"]["code_generator"] is None
    assert found["pools"]["p"]["image"] == {"registry": "ghcr.io", "repository": "me/x-a", "tag": "2"}


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "pools.yaml"
    done = CliRunner().invoke(cli, ["render", "chart-values", "--output", str(target), "--json"])
    assert json.loads(done.stdout)["written"] == str(target)
    fits(yaml.safe_load(target.read_text()))


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("x", {"repository": "x"}),
        ("me/x:1", {"repository": "me/x", "tag": "1"}),
        ("localhost:5000/x", {"registry": "localhost:5000", "repository": "x"}),
        (f"r.io/a/b:1@{DIGEST}", {"registry": "r.io", "repository": "a/b", "tag": "1", "digest": DIGEST}),
    ],
)
def test_an_image_reference_is_split(reference: str, expected: dict[str, str]) -> None:
    assert parts(reference, "here") == expected


def test_a_wrong_image_names_its_place() -> None:
    with pytest.raises(ConfigurationError, match=r"pools.x.image: 'a b:!' is no image"):
        parts("a b:!", "pools.x.image")


@given(
    st.from_regex(r"[a-z]{1,5}\.[a-z]{2,3}(:[0-9]{2,4})?", fullmatch=True),
    st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5}){0,2}", fullmatch=True),
    st.from_regex(r"v?[0-9]{1,3}(\.[0-9]{1,3}){0,2}", fullmatch=True),
)
def test_splitting_loses_nothing(registry: str, repository: str, tag: str) -> None:
    assert parts(f"{registry}/{repository}:{tag}", "here") == {
        "registry": registry,
        "repository": repository,
        "tag": tag,
    }
