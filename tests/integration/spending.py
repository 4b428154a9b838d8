"""What do the cost tests spend, of which budgets, at which prices?"""

from __future__ import annotations

from datetime import UTC, datetime

import redis

from fleet.costs.budgets import parse_budgets
from fleet.costs.calls import Call, record_call
from fleet.costs.prices import Usage
from fleet.costs.pricing import PriceBook

CELL = "costs-store"
BOOK = PriceBook(price_set="reference")
BUDGETS = parse_budgets(
    {
        "org": {"level": "organisation", "limits_usd": {"day": 1, "month": 10}},
        "team": {"parent": "org", "tenants": ["t"], "limits_usd": {"day": "0.5", "task": "0.2"}, "policy": "pause"},
    }
)


def call(number: int, task: str = "a", model: str = "gpt-5") -> Call:
    return Call(f"{task}/{number}", task, "t", "code_generation", model, "openai", "code_generator")


def spend(client: redis.Redis, number: int, tokens: int = 1000, task: str = "a") -> None:
    record_call(client, CELL, call(number, task), Usage(tokens, tokens), BOOK, datetime.now(tz=UTC))
