"""Do rate limits and provider quotas hold for every interval, and do their answers tell the truth about when?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.costs.calls import Call, allow, back_off, record_call
from fleet.costs.controls import set_control
from fleet.costs.prices import Quote, Usage
from fleet.costs.pricing import PriceBook
from fleet.costs.quotas import in_use, quotas
from fleet.store import keys
from fleet.store.scripts import script, source

CELL = "limits-test"
P = keys.prefix(CELL)
HOUR = 3_600_000
TAKE = (
    source("costs/limits.lua")
    + """
local retry, which = limits.take(KEYS[1], cjson.decode(ARGV[1]), tonumber(ARGV[2]))
return retry and {which, budget.int(retry)} or {}
"""
)


@pytest.fixture
def client(store: redis.Redis) -> redis.Redis:
    for key in store.scan_iter(match=f"{P}*"):
        store.delete(key)
    return store


def unaudited(action: str, detail: Any) -> None:
    assert action
    assert detail


def take(client: redis.Redis, now: int, **request: Any) -> tuple[str, int] | None:
    answer = client.eval(TAKE, 1, P, json.dumps({"tenant": "t", "type": "k", **request}), now)
    return (str(answer[0]), int(answer[1])) if answer else None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, HOUR // 4), st.integers(1, 30)), min_size=1, max_size=60), st.integers(10, 90))
def test_no_hour_wherever_it_starts_holds_more_than_the_limit(
    store: redis.Redis, arrivals: list[tuple[int, int]], limit: int
) -> None:
    for key in store.scan_iter(match=f"{P}*"):
        store.delete(key)
    store.hset(f"{P}limits", "tenant:*", f"0 {limit} 0")
    now = int(store.time()[0]) * 1000
    admitted: list[tuple[int, int]] = []
    for gap, tokens in arrivals:
        now += gap
        refused = take(store, now, tokens=tokens)
        if refused is None:
            admitted.append((now, tokens))
            assert sum(n for at, n in admitted if at > now - HOUR) <= limit
        else:
            assert refused[0] == "tenant:t tokens"
            assert (refused[1] == -1) == (tokens > limit)


def test_the_time_it_names_is_the_time_it_takes(client: redis.Redis) -> None:
    client.hset(f"{P}limits", "task_type:k", "2 0 0")
    now = int(client.time()[0]) * 1000
    assert take(client, now) is None
    assert take(client, now + 60_000) is None
    refused = take(client, now + 90_000)
    assert refused is not None
    again = now + 90_000 + refused[1]
    assert again - now <= HOUR + 61_000
    assert take(client, again - 1) is not None
    assert take(client, again) is None


def test_the_most_specific_row_counts_and_every_scope_must_agree(client: redis.Redis) -> None:
    client.hset(f"{P}limits", mapping={"tenant:*": "1 0 0", "tenant:t": "5 0 0", "model:m": "2 0 0"})
    now = int(client.time()[0]) * 1000
    assert [take(client, now, model="m") for _ in range(2)] == [None, None]
    refused = take(client, now, model="m")
    assert refused is not None
    assert refused[0] == "model:m requests"
    assert [take(client, now) for _ in range(3)] == [None] * 3
    refused = take(client, now)
    assert refused is not None
    assert refused[0] == "tenant:t requests"


def test_an_estimate_that_was_too_high_is_given_back_when_the_task_ends(client: redis.Redis) -> None:
    client.hset(f"{P}limits", "tenant:*", "0 100 0")
    request = {"tenant": "t", "type": "k", "tokens": 100, "micros": 50}
    assert script("costs/limits_take.lua")(client, [P], [json.dumps(request)]) == []
    reserve = {"task": "a", "tenant": "t", "type": "k", "estimate": 50, "tokens": 100}
    script("costs/reserve.lua")(client, [P], [json.dumps(reserve)])
    call = Call("a/1", "a", "t", "k", "gpt-5", "openai")
    record_call(client, CELL, call, Usage(10, 10), PriceBook(price_set="reference"), datetime.now(tz=UTC))
    assert script("costs/limits_take.lua")(client, [P], [json.dumps(request | {"tokens": 10})]) != []
    script("costs/release.lua")(client, [P], [json.dumps({"task": "a"})])
    assert script("costs/limits_take.lua")(client, [P], [json.dumps(request | {"tokens": 80})]) == []
    assert script("costs/limits_take.lua")(client, [P], [json.dumps(request | {"tokens": 1})]) != []


def test_a_live_change_counts_from_the_next_request(client: redis.Redis) -> None:
    now = int(client.time()[0]) * 1000
    assert take(client, now) is None
    set_control(client, CELL, "limit.tenant:t", "requests=1", unaudited)
    assert take(client, now) is None
    assert take(client, now) is not None
    set_control(client, CELL, "limit.tenant:t", "none", unaudited)
    assert take(client, now) is None


PAID = Quote("gpt-5", 100, "test", is_free=False)


def call(number: int) -> Call:
    return Call(f"a/{number}", "a", "t", "k", "gpt-5", "openai")


def test_the_fleet_shares_a_providers_quota(client: redis.Redis) -> None:
    set_control(client, CELL, "quota.openai/*", "requests=2", unaudited)
    assert [allow(client, CELL, call(n), PAID).status for n in range(3)] == ["ok", "ok", "quota"]
    verdict = allow(client, CELL, call(3), PAID)
    assert verdict.passing
    assert 0 < (verdict.retry_after_seconds or 0) <= 62
    assert "openai/* requests" in verdict.reason
    # A repetition of an allowed call is that call.
    assert allow(client, CELL, call(1), PAID).allowed
    [used] = in_use(client, CELL)
    assert (used.requests, used.closed_until) == (2, 0.0)


def test_tokens_are_taken_by_estimate_and_corrected_by_use(client: redis.Redis) -> None:
    set_control(client, CELL, "quota.openai/gpt-5", "tokens=100", unaudited)
    assert allow(client, CELL, call(1), PAID, tokens=90).allowed
    assert allow(client, CELL, call(2), PAID, tokens=50).status == "quota"
    record_call(client, CELL, call(1), Usage(10, 20), PriceBook(price_set="reference"), datetime.now(tz=UTC))
    assert allow(client, CELL, call(2), PAID, tokens=50).allowed
    [used] = in_use(client, CELL)
    assert used.tokens == 80


def test_a_429_closes_the_model_for_everybody_and_admission_knows(client: redis.Redis) -> None:
    set_control(client, CELL, "quota.openai/gpt-5", "requests=100", unaudited)
    back_off(client, CELL, "openai", "gpt-5", 30)
    verdict = allow(client, CELL, call(1), PAID)
    assert verdict.status == "quota"
    assert 29 < (verdict.retry_after_seconds or 0) <= 30
    now = int(client.time()[0]) * 1000
    refused = take(client, now, model="gpt-5", provider="openai")
    assert refused is not None
    assert refused[0] == "quota openai/gpt-5 retry-after"
    assert take(client, now + 31_000, model="gpt-5", provider="openai") is None


def test_a_quota_of_nothing_is_no_quota(client: redis.Redis) -> None:
    set_control(client, CELL, "quota.openai/gpt-5", "requests=1,tokens=1", unaudited)
    assert [quota.name for quota in quotas(client, CELL)] == ["openai/gpt-5"]
    set_control(client, CELL, "quota.openai/gpt-5", "none", unaudited)
    assert quotas(client, CELL) == []
