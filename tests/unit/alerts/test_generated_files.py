"""Are the shipped rules, dashboards and runbooks those of the code, and does every expression name a real metric?"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import promql_parser
import pytest
import yaml

from fleet.alerts import rulebook
from fleet.alerts.generate import FILES, generated
from fleet.cli.main import LazyGroup
from fleet.telemetry.dashboards import DASHBOARDS
from fleet.telemetry.metrics import BY_NAME, SERIES

ROOT = Path(__file__).parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"
BOOK = rulebook.load()


def test_generated_files_are_current_and_none_is_left_over() -> None:
    wanted = dict(generated())
    for path, text in wanted.items():
        assert path.read_text() == text, f"{path.name}: run `python -m fleet.alerts.generate`"
    there = {path for folder in ("rules", "dashboards") for path in (FILES / folder).iterdir()}
    assert there == set(wanted)


@pytest.mark.parametrize("name", BOOK.rules)
def test_every_alert_has_a_runbook_of_its_name(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    assert BOOK.rules[name].expr in text, "the runbook shows another condition than the rule has"
    assert f"Severity: {BOOK.rules[name].severity}." in text


def test_no_runbook_without_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"index"} == set(BOOK.rules)


def test_runbooks_name_only_metrics_that_exist() -> None:
    for path in RUNBOOKS.glob("*.md"):
        for name in re.findall(r"\b(?:fleet|ai)_[a-z_]+\b", path.read_text()):
            assert name in SERIES or name in BY_NAME, f"{path.name}: {name}"


def expressions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for value in node.values():
            yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboards_ask_for_exported_metrics_with_their_labels(name: str) -> None:
    board = DASHBOARDS[name]()
    asked = list(expressions(board))
    assert len(asked) >= 10
    for text in asked:
        promql_parser.parse(text.replace('"$pool"', '"pool"'))
        for metric, labels in re.findall(r"\b((?:fleet|ai)_[a-z_]+)(?:\{([^}]*)\})?", text):
            assert metric in SERIES, f"{name}: {metric} is not exported"
            used = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", labels))
            assert used <= {*SERIES[metric].label_names, "le"}, f"{name}: {metric} has no {used}"
    assert json.loads(json.dumps(board)) == board
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[name]()["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.parametrize("name", BOOK.rules)
def test_prometheus_gets_the_same_rule(name: str) -> None:
    rule = BOOK.rules[name]
    alert = yaml.safe_load((FILES / "rules" / f"{name}.yaml").read_text())["groups"][0]["rules"][0]
    assert alert["alert"] == name
    assert alert["expr"].startswith(rule.expr)
    assert alert["labels"]["severity"] == rule.severity
    assert alert["annotations"]["runbook_url"].endswith(f"{name}.md")
    promql_parser.parse(alert["expr"])


def test_promtool_accepts_every_rule_and_sees_the_four_specified_fire(tmp_path: Path) -> None:
    """promtool is Debian's `prometheus`; where it is absent, the parser above has read every expression already."""
    promtool = shutil.which("promtool")
    if promtool is None:
        assert all(
            promql_parser.parse(text)
            for path in (FILES / "rules").iterdir()
            for text in expressions(yaml.safe_load(path.read_text()))
        )
        return
    files = sorted(str(path) for path in (FILES / "rules").iterdir())
    subprocess.run([promtool, "check", "rules", *files], check=True, capture_output=True, timeout=60)
    trial = tmp_path / "trial.yaml"
    trial.write_text(yaml.safe_dump({"rule_files": files, "evaluation_interval": "1m", "tests": PROMTOOL_TESTS}))
    done = subprocess.run(
        [promtool, "test", "rules", str(trial)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _trial(series: dict[str, str], at: str, name: str, labels: dict[str, str], fires: bool) -> dict[str, Any]:
    alert = {
        "exp_labels": {"severity": BOOK.rules[name].severity, **labels},
        "exp_annotations": _annotations(name),
    }
    return {
        "interval": "1m",
        "input_series": [{"series": text, "values": values} for text, values in series.items()],
        "promql_expr_test": [],
        "alert_rule_test": [{"eval_time": at, "alertname": name, "exp_alerts": [alert] if fires else []}],
    }


def _annotations(name: str) -> dict[str, str]:
    text = yaml.safe_load((FILES / "rules" / f"{name}.yaml").read_text())["groups"][0]["rules"][0]["annotations"]
    shown = {
        "high_error_rate": "850m",
        "critical_error_rate": "700m",
        "token_budget_exceeded": "2.4M",
        "high_response_time": "50",
    }
    return {key: value.replace("{{ $value | humanize }}", shown[name]) for key, value in text.items()}


RATE = 'ai_agent_success_rate{agent_type="code_generator"}'
TOKENS = 'ai_agent_token_usage_total{agent_type="code_generator",model="gpt-5"}'
RESPONSE = 'ai_agent_response_time_seconds_{}{{agent_type="code_generator",complexity="low"}}'
SLOW = {RESPONSE.format("sum"): "0+500x60", RESPONSE.format("count"): "0+10x60"}
AGENT = {"agent_type": "code_generator"}
PROMTOOL_TESTS = [
    _trial({RATE: "0.85x30"}, "4m", "high_error_rate", AGENT, False),
    _trial({RATE: "0.85x30"}, "5m", "high_error_rate", AGENT, True),
    _trial({RATE: "0.85x30"}, "20m", "critical_error_rate", AGENT, False),
    _trial({RATE: "0.7x30"}, "3m", "critical_error_rate", AGENT, True),
    _trial({TOKENS: "0+40000x120"}, "100m", "token_budget_exceeded", {}, True),
    _trial({TOKENS: "0+10000x120"}, "100m", "token_budget_exceeded", {}, False),
    _trial(SLOW, "30m", "high_response_time", AGENT, True),
]


def commands(text: str) -> Iterator[list[str]]:
    for found in re.findall(r"`fleet ((?:[a-z-]+ ?)+)", text):
        yield found.split()


@pytest.mark.parametrize("name", BOOK.rules)
def test_texts_name_commands_that_exist(name: str) -> None:
    root = LazyGroup("fleet")
    text = (RUNBOOKS / f"{name}.md").read_text() + "\n".join(BOOK.rules[name].first_things_to_try)
    for words in commands(text):
        command: click.Command | None = root
        for word in words:
            if isinstance(command, click.Group):
                command = command.get_command(click.Context(root), word)
        assert command is not None or words == ["doctor"], f"`fleet {' '.join(words)}` is no command"
