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
        (
            "task_types: {job: {}}\nagent_types: {b: {module: agents.nothing, runs: []}}\npools: {b: {agent_type: b}}\n",
            "pools.b: it could serve nothing, for its agent type 'b' runs no task type: name some in its `runs`; known: job",
        ),
        ("task_types: {job: {}}\npools: {a: {agent_type: a, cells: [wst]}}\n", "unknown cell 'wst'"),
    ],
)
def test_refused_with_the_value_and_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("defaults: false\n" + ("" if "agent_types" in text else ROW if "pools" not in text else ROW.splitlines()[0] + "\n") + text)
    outcome = CliRunner().invoke(config, ["check", str(file)])
    assert outcome.exit_code == 1
    assert said in str(outcome.exception)


def test_task_types_nobody_can_run_are_told_with_the_choices(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    agents = "agent_types: {a: {module: agents.nothing, runs: [job]}, b: {module: agents.nothing, runs: [chore]}}\n"
    file.write_text("defaults: false\n" + agents + "task_types: {job: {}, chore: {}, orphan: {}}\npools: {a: {agent_type: a}}\n")
    outcome = CliRunner().invoke(config, ["check", str(file)])
    assert outcome.exit_code == 0
    assert "task type 'chore': b would run it, but has no pool" in outcome.output
    assert "task type 'orphan': no agent type runs it; name it in the `runs` of one of a, b" in outcome.output
