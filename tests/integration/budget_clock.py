"""How do the budget tests move time? The scripts under test, called with a clock of the test's own."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import redis

from fleet.costs.budgets import parse_budgets, routes
from fleet.store import keys
from fleet.store.scripts import source

CELL = "costs-test"
P = keys.prefix(CELL)
HOUR = 3_600_000
LIMITS = {"org": {"hour": 100, "month": 5000}, "team": {"hour": 60, "task": 25}}
BUDGETS = parse_budgets(
    [
        {"name": "org", "level": "organisation", "limits_usd": {w: v / 1e6 for w, v in LIMITS["org"].items()}},
        {
            "name": "team",
            "parent": "org",
            "tenants": ["t"],
            "limits_usd": {w: v / 1e6 for w, v in LIMITS["team"].items()},
            "policy": "defer",
        },
    ]
)

# The functions under test, called with a clock that the test moves: windows end when it says so.
OWN_TEXT = re.compile(r"^--@include.*$", re.MULTILINE)
STEP = (
    source("costs/budget_release.lua")
    + OWN_TEXT.sub("", files("fleet").joinpath("costs/budget_ensure.lua").read_text())
    + """
local request, now = cjson.decode(ARGV[2]), tonumber(ARGV[3])
if ARGV[1] == 'abandon' then request = request.task end
return cjson.encode(budget[ARGV[1]](KEYS[1], request, now) or false)
"""
)


def forget(client: redis.Redis) -> None:
    for key in client.scan_iter(match=f"{P}*"):
        client.delete(key)


class Budgets:
    """The scripts on one broker, at a time of the test's choosing."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        forget(client)
        self.now = int(client.time()[0]) * 1000
        client.hset(f"{P}budget_routes", mapping=routes(BUDGETS))
        self.digest = client.script_load(STEP)

    def step(self, verb: str, **request: Any) -> Any:
        return json.loads(self.client.evalsha(self.digest, 1, P, verb, json.dumps(request), self.now))

    def reserve(self, task: str, estimate: int, tenant: str = "t") -> dict[str, Any]:
        return dict(self.step("reserve", task=task, tenant=tenant, type="k", estimate=estimate))

    def ensure(self, task: str, call: str, amount: int, tenant: str = "t") -> dict[str, Any]:
        entry = json.dumps({"tenant": tenant, "type": "k", "kind": "call", "agent": "a", "model": "m"})
        return dict(self.step("ensure", task=task, call=call, amount=amount, tenant=tenant, type="k", entry=entry))

    def settle(self, task: str, call: str, micros: int, tenant: str = "t") -> dict[str, Any]:
        entry = {"task": task, "call": call, "micros": micros, "tenant": tenant, "type": "k", "kind": "call"}
        return dict(self.step("settle", **entry, agent="a", model="m", input=1, output=1, estimated=False))

    def windows(self) -> dict[str, dict[str, int]]:
        return {
            key.removeprefix(P): {field: int(value) for field, value in self.client.hgetall(key).items()}
            for key in self.client.scan_iter(match=f"{P}budget:*")
        }

    def records(self) -> dict[str, dict[str, str]]:
        head = f"{P}reservation:"
        return {k.removeprefix(head): self.client.hgetall(k) for k in self.client.scan_iter(match=f"{head}*")}

    def ledger_micros(self) -> int:
        return sum(int(row["delta"]) for _, row in self.client.xrange(f"{P}ledger"))
