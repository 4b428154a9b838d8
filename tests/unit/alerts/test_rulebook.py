"""Are rule files merged by name, and is every error of a file reported with its place?"""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.alerts.rulebook import combine, load
from fleet.catalogue.positions import read
from fleet.errors import ConfigurationError

SPECIFIED = {
    # name: (condition, for, severity, action)
    "high_error_rate": ("ai_agent_success_rate < 0.9", 300, "warning", "scale_up"),
    "critical_error_rate": ("ai_agent_success_rate < 0.8", 180, "critical", "immediate_intervention"),
    "high_response_time": ("> 30", 600, "warning", "performance_investigation"),
    "token_budget_exceeded": ("> 1000000", 60, "critical", "rate_limiting"),
}

BAD = """\
alerts:
  rules:
    first_rule:
      expr: ai_agent_sucess_rate < 0.9
      for: 5 minutes
      sevrity: high
    second_rule: {expr: "sum by (pol) (ai_agent_load) >"}
    third_rule: {expr: "fleet_dead_letters > 0", action: scaleup, channels: [pager]}
  routes: {critical: [pager]}
  chanels: {}
  channels: {slack: {kind: slack}}
  inhibitions: [{source: nobody, mutes: [first_rule]}]
"""


@pytest.mark.parametrize("name", SPECIFIED)
def test_the_four_specified_rules_are_exactly_as_specified(name: str) -> None:
    rule = load().rules[name]
    condition, lasting, severity, action = SPECIFIED[name]
    assert rule.expr.endswith(condition)
    assert (rule.lasting, rule.severity, rule.action.name if rule.action else "") == (lasting, severity, action)


def test_rules_in_the_box_are_complete_and_their_inhibitions_known() -> None:
    book = load()
    for rule in book.rules.values():
        assert rule.summary
        assert rule.first_things_to_try, rule.name


def test_every_error_is_reported_with_its_line() -> None:
    with pytest.raises(ConfigurationError) as caught:
        combine([read(BAD, "my.yaml")])
    text = str(caught.value)
    for line, problem in {
        4: "did you mean 'ai_agent_success_rate'",
        5: "no duration",
        6: "did you mean 'severity'",
        7: "second_rule: expr: column",
        8: "Input should be 'scale_up'",
        9: "unknown channel 'pager'",
        10: "did you mean 'channels'",
        11: "needs secret or url",
        12: "unknown rule 'nobody'",
    }.items():
        assert any(f"my.yaml:{line}:" in row and problem in row for row in text.splitlines()), (line, problem, text)


def test_rows_merge_field_by_field_and_null_removes(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(
        "alerts:\n  rules:\n    high_error_rate: {for: 1m, channels: [hook]}\n    ghost_workers: null\n"
        "    my_own: {expr: fleet_dead_letters > 5, by: [task_type]}\n"
        "  channels:\n    hook: {kind: webhook, url: 'https://example.test/x', secret: hook}\n"
        "  routes: {warning: [hook]}\n"
    )
    book = load(file)
    changed = book.rules["high_error_rate"]
    assert (changed.lasting, changed.expr) == (60, "ai_agent_success_rate < 0.9")
    assert "ghost_workers" not in book.rules
    assert book.channels_of(book.rules["my_own"]) == ("hook",)
    assert book.channels_of(book.rules["broker_down"]) == ()


def test_doubled_keys_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="declared twice"):
        read("alerts:\n  rules:\n    a_rule: {}\n    a_rule: {}\n", "x.yaml")
