"""Do rule tests say what the rules do, and where a test file is wrong?"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet.alerts import trials
from fleet.cli.alerts import group
from fleet.errors import ConfigurationError

GOOD = """\
tests:
  - name: a bad model pages after three minutes, the worse rule mutes nothing it should not
    every: 1m
    series:
      ai_agent_success_rate{agent_type="code_generator"}: [1, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 1]
    expect:
      - {at: 3m, firing: []}
      - {at: 4m, firing: ["critical_error_rate{agent_type=code_generator}"]}
      - at: 6m
        firing: ["critical_error_rate{agent_type=code_generator}", "high_error_rate{agent_type=code_generator}"]
      - {at: 7m, firing: []}
  - name: a million tokens within the hour
    every: 1m
    series:
      ai_agent_token_usage_total{agent_type="code_generator",model="gpt-5"}: 0+40000x40
    expect:
      - {at: 25m, firing: []}
      - {at: 28m, firing: ["token_budget_exceeded"]}
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "rules_test.yaml"
    file.write_text(text)
    return file


def test_the_specified_rules_behave_as_specified(tmp_path: Path) -> None:
    assert [result.problems for result in trials.run(write(tmp_path, GOOD))] == [(), ()]


def test_a_wrong_expectation_is_explained_and_fails_the_command(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD.replace("{at: 3m, firing: []}", '{at: 3m, firing: ["broker_down"]}'))
    done = CliRunner().invoke(group, ["test", str(file)])
    assert done.exit_code == 1
    assert "at 180 s: not firing ['broker_down']" in done.output
    assert CliRunner().invoke(group, ["test", "--json", str(write(tmp_path, GOOD))]).exit_code == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("alerts: {}\n", "has a list `tests`"),
        ("tests: [{name: x, series: {}}]\n", "a test has name"),
        ("tests: [{name: x, series: {'sum(a)': [1]}, expect: []}]\n", "is no series"),
        ("tests: [{name: x, series: {a: 1..5}, expect: []}]\n", "no series of values"),
        ("tests: [{name: x, series: {a: [1]}, expect: [{at: 5m, firing: []}]}]\n", "series end at 0 s"),
    ],
)
def test_wrong_files_say_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        trials.run(write(tmp_path, text))
