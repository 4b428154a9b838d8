"""Does `fleet config check` refuse what the dispatcher could not work with, naming value and choices?"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet.cli.config import config

ROW = "agent_types: {a: {module: agents.nothing, runs: [job]}}\npools: {a: {agent_type: a}}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task_types: {job: {}}\ntenants: {acme: {weight: 0}}\n", "tenants.acme: weight is 0: use a number above 0"),
        ("task_types: {job: {}}\ntenants: {acme: -1}\n", "tenants.acme: weight is -1"),
        ("task_types: {job: {}}\ntenants: {acme: .inf}\n", "tenants.acme: weight is inf"),
        ("settings: {dispatch: {strategy: fastest}}\ntask_types: {job: {}}\n", "unknown strategy 'fastest'"),
        ("task_types: {job: {strategy: late_bindin}}\n", "did you mean 'late_binding'?"),
        ("task_types: {job: {}}\npools: {a: {agent_type: a, cells: [wst]}}\n", "unknown cell 'wst'"),
    ],
)
def test_refused_with_the_value_and_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("defaults: false\n" + (ROW if "pools" not in text else ROW.splitlines()[0] + "\n") + text)
    outcome = CliRunner().invoke(config, ["check", str(file)])
    assert outcome.exit_code == 1
    assert said in str(outcome.exception)
