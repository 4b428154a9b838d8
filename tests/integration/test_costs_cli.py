"""Do `fleet cost` and `fleet budget` answer people and programs alike?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result

from fleet.cli import budget, cost
from fleet.costs.calls import Call, allow, record_call
from fleet.costs.prices import Quote, Usage
from fleet.costs.pricing import PriceBook
from fleet.secrets.audit import newest
from fleet.settings import current


def invoke(*words: str) -> Result:
    group = {"cost": cost.group, "budget": budget.group}[words[0]]
    return CliRunner().invoke(group, words[1:], input="y\n", catch_exceptions=False)


def document(*words: str) -> Any:
    answer = invoke(*words, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


@pytest.mark.usefixtures("store")
def test_choosing_a_model_recommends_reasons_and_ranks() -> None:
    asked = ("choose", "--type", "code_generation", "--complexity", "0.7", "--quality", "0.8", "--speed", "0.2")
    choice = document("cost", *asked, "--limit", "0.5")
    assert choice["recommendation"] == choice["alternatives"][0]["model"] == "gpt-5"
    assert "gpt-5 scores" in choice["reasoning"]
    refused = invoke("cost", *asked, "--limit", "0.0001", "--exclude", "smollm2-135m")
    assert refused.exit_code == 1
    assert "no model fits" in refused.output


def test_the_reference_prices_resolve_when_chosen(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    from fleet import settings

    assert store.ping()
    monkeypatch.setenv("FLEET_COSTS__PRICE_SET", "reference")
    settings.load.cache_clear()
    shown = document("cost", "prices", "claude-opus-4.1", "nobody")
    assert shown["price_set"] == "reference"
    [opus, nobody] = shown["prices"]
    assert (float(opus["input_usd"]), float(opus["output_usd"]), opus["origin"]) == (0.015, 0.075, "reference table")
    assert "in no price list" in nobody["refused"]


def test_budgets_are_set_granted_shown_and_audited(store: redis.Redis) -> None:
    document("budget", "set", "acme", "--level", "organisation", "--day", "10")
    document("budget", "set", "team", "--parent", "acme", "--tenant", "t", "--hour", "1", "--policy", "pause")
    document("budget", "set", "team", "--task", "0.5")
    assert document("budget", "grant", "team", "2.5", "--window", "hour")["granted_usd"] == "2.500000"
    shown = document("budget", "show")
    [team] = [row for row in shown["budgets"] if row["name"] == "team"]
    assert (team["limits_usd"], team["policy"]) == ({"hour": "1.000000", "task": "0.500000"}, "pause")
    [hour] = [window for window in shown["windows"] if window["budget"] == "team"]
    assert hour["limit_usd"] == "3.500000"
    assert document("budget", "history", "team") == [hour]
    assert [entry.action for entry in newest(4, store, current().cell)].count("budget.set") == 3
    document("budget", "drop", "team")
    assert [row["name"] for row in document("budget", "show")["budgets"]] == ["acme"]


@pytest.mark.usefixtures("store")
def test_controls_are_set_shown_and_undone() -> None:
    document("cost", "controls", "set", "limit.tenant:acme", "requests=5,usd=2")
    assert document("cost", "controls")["limits_per_hour"]["tenant:acme"] == {"requests": 5, "tokens": 0, "usd": 2.0}
    assert document("cost", "controls", "undo") == {"control": "limit.tenant:acme"}
    assert document("cost", "controls")["limits_per_hour"] == {}


def test_a_report_an_export_and_the_providers_log_agree(store: redis.Redis, tmp_path: Path) -> None:
    cell, book = current().cell, PriceBook()
    for number in range(3):
        call = Call(f"a/{number}", "a", "t", "code_generation", "gpt-5", "openai")
        if number < 2:
            record_call(store, cell, call, Usage(1000, 1000), book, datetime.now(tz=UTC))
        else:
            assert allow(store, cell, call, Quote("gpt-5", 50_000, "test", is_free=False)).allowed
    from fleet.costs.reservations import release

    release(store, cell, ["a"])
    assert document("cost", "report")["total_usd"] == "0.072500"
    bill = tmp_path / "bill.jsonl"
    bill.write_text("".join(json.dumps({"call_id": f"a/{n}", "input": 1000, "output": 1000}) + "\n" for n in range(3)))
    assert document("cost", "reconcile", str(bill))["corrected"] == 1
    page = tmp_path / "costs.html"
    assert document("cost", "report", "--html", str(page))["total_usd"] == "0.033750"
    assert page.read_text().startswith("<!doctype html>")
    lines = tmp_path / "ledger.jsonl"
    assert document("cost", "export", str(lines), "--format", "jsonl")["entries"] == 3
    assert sum(json.loads(line)["micros"] for line in lines.read_text().splitlines()) == 33_750
