"""What people read when money says no, and what operators may type."""

import json

import pytest

from fleet.costs.control_values import Change, parse_control
from fleet.costs.verdict import parse
from fleet.errors import ConfigurationError

ROW = {
    "amount": 3_000_000,
    "budget": "research",
    "window": "day",
    "limit": 50_000_000,
    "spent": 48_800_000,
    "reserved": 0,
}


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("refuse", "`fleet budget grant research` or wait for the next day"),
        ("defer", "deferred until the window resets in 60 s"),
        ("pause", "paused until `fleet budget grant research`"),
        ("wait", "running tasks give back"),
    ],
)
def test_a_refusal_names_the_budget_the_figures_and_the_next_step(status: str, says: str) -> None:
    verdict = parse(json.dumps({"status": status, "retry_after_ms": 60_000, **ROW}))
    assert not verdict.allowed
    assert "budget 'research' (day) has 1.20 USD left of 50.00 USD" in verdict.reason
    assert "3.00 USD is needed" in verdict.reason
    assert says in verdict.reason


def test_what_never_resets_has_no_retry_time() -> None:
    assert parse(json.dumps({"status": "refuse", "retry_after_ms": -1, **ROW})).retry_after_seconds is None


def test_controls_are_read_as_typed() -> None:
    assert parse_control("limit.tenant:acme", "requests=5, usd=0.5") == Change("limits", "tenant:acme", "5 0 500000")
    assert parse_control("limit.fleet", "none") == Change("limits", "fleet", "0 0 0")
    assert parse_control("limit.model:gpt-5", "none") == Change("limits", "model:gpt-5", None)
    assert parse_control("quota.openai/gpt-5", "tokens=9") == Change("quotas", "openai/gpt-5", "0 9")
    assert parse_control("downgrade.gpt-5", "none") == Change("controls", "downgrade:gpt-5", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limits.fleet", "none"),
        ("limit.team:x", "none"),
        ("limit.tenant", "none"),
        ("limit.fleet", "5"),
        ("limit.fleet", "euros=5"),
        ("limit.fleet", "usd=-5"),
        ("limit.fleet", "requests=1.5"),
        ("quota.openai", "requests=1"),
        ("alerts", "maybe"),
        ("hold_out", "2"),
        ("downgrade.", "x"),
    ],
)
def test_a_wrong_control_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_control(name, value)
