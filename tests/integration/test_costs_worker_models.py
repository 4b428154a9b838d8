"""Does a worker climb from cheap to dear, step down when money runs low, and book every answer?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fleet import catalogue, settings
from fleet.costs.budget_store import grant
from fleet.costs.budgets import Window
from fleet.costs.calls import Call, allow
from fleet.costs.ledger import hot_entries
from fleet.costs.outcomes import arms, outcomes
from fleet.costs.prices import Quote
from fleet.costs.reservations import held, release
from fleet.dispatcher import declare, estimates
from fleet.dispatcher.retry import after_failure
from fleet.store import keys
from fleet.store.scripts import script
from workers.llm.errors import ProviderAnswerMalformed, ProviderRateLimited
from workers.llm.provider import CompletionRequest, Message
from workers.paid import OverBudget
from workers.run import Run

CELL = "costs-models"
CATALOGUE = """
settings:
  llm: {provider: openai, model: gpt-5, base_url: "%s", api_key: test-key}
  costs: {price_set: reference, hold_out_share: 0}
budgets:
  team: {tenants: [acme], limits_usd: {day: 0.01}, policy: downgrade, downgrade_at: 50}
"""
ASKED = CompletionRequest((Message("user", "add two numbers"),), max_tokens=200)


@pytest.fixture
def provider(
    store: redis.Redis, httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HTTPServer]:
    def complete(request: Request) -> Response:
        asked = request.get_json()
        usage = {"prompt_tokens": 20, "completion_tokens": 100, "total_tokens": 120}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "def f(): ..."}}
        body = {"id": "x", "object": "chat.completion", "model": asked["model"], "choices": [choice], "usage": usage}
        assert store.ping()
        return Response(json.dumps(body), content_type="application/json")

    httpserver.expect_request("/v1/chat/completions", method="POST").respond_with_handler(complete)
    file = tmp_path / "fleet.yaml"
    file.write_text(CATALOGUE % httpserver.url_for("/v1"))
    monkeypatch.setenv("FLEET_CELL", CELL)
    monkeypatch.setenv("FLEET_FILE", str(file))
    caches = (settings.load, estimates.price_book, estimates.models)
    for cache in caches:
        cache.cache_clear()
    catalogue.forget()
    declare.publish()
    yield httpserver
    for cache in caches:
        cache.cache_clear()
    catalogue.forget()


def run(task: str = "task", tenant: str = "acme") -> Run:
    return Run(task, "code_generation", 1, tenant, "code_generator", "code_generator")


@pytest.mark.usefixtures("provider")
def test_auto_starts_cheap_and_climbs_until_the_answer_passes(store: redis.Redis) -> None:
    attempt = run(tenant="nobody")
    model = attempt.provider("auto")
    asked = []
    for _ in range(3):
        asked.append(model.model)
        assert model.complete(ASKED).model == asked[-1]
    attempt.judged(True)
    assert asked == ["gpt-4o", "gpt-5", "gpt-5"]
    entries = hot_entries(store, CELL)
    assert [entry.model for entry in entries] == asked
    assert [entry.micros for entry in entries] == [230, 640, 640]
    known = outcomes(store, CELL, "code_generation")
    assert {name: (o.won, o.tried, o.micros) for name, o in known.items()} == {
        "gpt-4o": (0, 1, 230),
        "gpt-5": (1, 2, 1280),
    }
    arm = arms(store, CELL, "code_generation")["escalate"]
    assert (arm.tasks, arm.won, arm.micros) == (1, 1, 1510)


@pytest.mark.usefixtures("provider")
def test_a_cheaper_model_stands_in_when_a_budget_runs_low_and_steps_back_on_a_grant(store: redis.Redis) -> None:
    assert run().provider(None).model == "gpt-5"
    call = Call("big", "other", "acme", "code_generation", "gpt-5", "openai")
    assert allow(store, CELL, call, Quote("gpt-5", 6_000, "test", is_free=False)).allowed
    assert run().provider(None).model == "gpt-4o"
    assert run().provider("unmapped").model == "unmapped"
    assert run(tenant="nobody").provider(None).model == "gpt-5"
    events = [row for _, row in store.xrange(f"{keys.prefix(CELL)}cost_events") if row["kind"] == "downgrade"]
    assert [(event["budget"], event["threshold"]) for event in events] == [("team", "50")]
    grant(store, CELL, "team", Window.DAY, 10_000, lambda _action, _detail: None)
    assert run().provider(None).model == "gpt-5"


def held_calls(store: redis.Redis) -> int:
    reservation = held(store, CELL, "task")
    return reservation.calls_in_flight if reservation else 0


def test_a_429_closes_the_model_and_costs_nothing(provider: HTTPServer, store: redis.Redis) -> None:
    provider.clear()
    provider.expect_request("/v1/chat/completions").respond_with_data("slow down", 429, {"retry-after": "30"})
    with pytest.raises(ProviderRateLimited):
        run().provider(None).complete(ASKED)
    assert held_calls(store) == 0
    with pytest.raises(OverBudget, match="openai/gpt-5 retry-after") as waits:
        run("other").provider(None).complete(ASKED)
    assert 25 < waits.value.seconds <= 30


def test_an_answer_nobody_could_read_is_booked_as_an_estimate(provider: HTTPServer, store: redis.Redis) -> None:
    provider.clear()
    provider.expect_request("/v1/chat/completions").respond_with_data("not JSON at all", 200)
    with pytest.raises(ProviderAnswerMalformed):
        run().provider(None).complete(ASKED)
    assert held_calls(store) == 1
    release(store, CELL, ["task"])
    [entry] = hot_entries(store, CELL)
    assert entry.estimated
    assert entry.micros > 0


def test_a_call_that_does_not_fit_is_not_made_and_says_why(provider: HTTPServer, store: redis.Redis) -> None:
    call = Call("big", "other", "acme", "code_generation", "gpt-5", "openai")
    assert allow(store, CELL, call, Quote("gpt-5", 9_900, "test", is_free=False)).allowed
    with pytest.raises(OverBudget, match="budget 'team'") as waits:
        run().provider(None).complete(ASKED)
    after = after_failure(waits.value, 1, 1, 300)
    assert (after.outcome, after.is_task_fault) == ("back", False)
    assert 0 < after.delay_seconds <= 60
    assert not provider.log
    assert script("costs/void.lua")(store, [keys.prefix(CELL)], ["other", "big"]) == "9900"
