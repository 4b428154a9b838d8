"""What bounds every pool at this moment?

The catalogue's minimum and maximum, operators' pins, alerts' floors, emergency mode, the provider quota of the model
a pool's tasks mostly use, and what the fleet-wide budgets still pay for. What tasks use and cost is learned from the
last paid calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from fleet.catalogue.declaration import Catalogue
from fleet.costs import budget_store
from fleet.costs.budget_store import Fill
from fleet.costs.budgets import Window
from fleet.costs.entries import Entry, entry_of
from fleet.costs.quotas import Quota, quotas
from fleet.scaling.caps import PoolLimits, QuotaShare
from fleet.scaling.orders import Orders
from fleet.store import keys
from fleet.store.client import Client, available

RECENT_CALLS = 500
HORIZON_HOURS = 1.0
"""A budget binds when what is left would not last the next hour, or to the end of its window if that is nearer."""


@dataclass(frozen=True, slots=True)
class Use:
    """What one task of an agent type takes, by its recent calls."""

    provider: str
    model: str
    """The one most of its tokens go through."""
    tokens: float
    requests: float
    usd: float
    tasks: int

    def of(self, unit: Literal["tokens", "requests"]) -> float:
        return self.tokens if unit == "tokens" else self.requests


def gather(
    client: Client, cell: str, catalogue: Catalogue, ready: Mapping[str, int], now: float
) -> dict[str, PoolLimits]:
    """Return the limits of every declared pool."""
    orders = Orders(client, cell)
    pins, floors = orders.pins(now), orders.floors(now)
    with available():
        emergency: Mapping[Any, Any] = client.hgetall(f"{keys.prefix(cell)}emergency")
        rows: Any = client.xrevrange(f"{keys.prefix(cell)}ledger", count=RECENT_CALLS)
    use = recent_use([entry_of(fields) for _, fields in rows])
    hourly = hourly_budget_usd(_fleet_wide(client, cell), now)
    shares = budget_shares(catalogue, ready)
    allowed = quota_shares(catalogue, use, quotas(client, cell))
    limits = {}
    for name, pool in catalogue.pools.items():
        taken = use.get(pool.agent_type)
        limits[name] = PoolLimits(
            minimum=pool.min_replicas,
            maximum=pool.max_replicas,
            price_per_replica_hour_usd=pool.price_per_replica_hour_usd,
            quotas=allowed.get(name, ()),
            budget_usd_per_hour=None if hourly is None else hourly * shares[name],
            task_cost_usd=taken.usd if taken else 0.0,
            pin=pins[name].replicas if name in pins else None,
            floor=floors[name].replicas if name in floors else None,
            emergency=bool(emergency) and now < float(emergency.get("until") or "inf"),
        )
    return limits


def recent_use(entries: Iterable[Entry]) -> dict[str, Use]:
    """Return agent type -> what a task takes: the model with most tokens; tokens, requests and money per task."""
    tokens: dict[str, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    requests: dict[str, int] = defaultdict(int)
    micros: dict[str, int] = defaultdict(int)
    tasks: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.kind != "call" or not entry.agent_type:
            continue
        tokens[entry.agent_type][entry.provider, entry.model] += entry.input_tokens + entry.output_tokens
        requests[entry.agent_type] += 1
        micros[entry.agent_type] += entry.micros
        tasks[entry.agent_type].add(entry.task_id)
    found = {}
    for agent, by_model in tokens.items():
        count = len(tasks[agent])
        provider, model = max(by_model, key=lambda name: (by_model[name], name))
        spent = sum(by_model.values()) / count, requests[agent] / count, micros[agent] / 1e6 / count
        found[agent] = Use(provider, model, *spent, count)
    return found


def quota_shares(
    catalogue: Catalogue, use: Mapping[str, Use], allowed: Sequence[Quota]
) -> dict[str, tuple[QuotaShare, ...]]:
    """Return pool -> its part of every quota its tasks live on: pools share one by what they use of it."""
    using = {name: use[pool.agent_type] for name, pool in catalogue.pools.items() if pool.agent_type in use}
    shares: dict[str, list[QuotaShare]] = defaultdict(list)
    for quota in allowed:
        users = {
            name: taken
            for name, taken in using.items()
            if taken.provider == quota.provider and quota.model in ("*", taken.model)
        }
        for unit, per_minute in _units(quota):
            total = sum(taken.of(unit) * taken.tasks for taken in users.values())
            for name, taken in users.items():
                if taken.of(unit) > 0.0:
                    part = per_minute * taken.of(unit) * taken.tasks / total
                    shares[name].append(QuotaShare(quota.name, unit, part, taken.of(unit)))
    return {name: tuple(found) for name, found in shares.items()}


def _units(quota: Quota) -> list[tuple[Literal["tokens", "requests"], int]]:
    """Return what the quota limits; 0 is no limit."""
    limited: list[tuple[Literal["tokens", "requests"], int]] = []
    if quota.tokens_per_minute:
        limited.append(("tokens", quota.tokens_per_minute))
    if quota.requests_per_minute:
        limited.append(("requests", quota.requests_per_minute))
    return limited


def budget_shares(catalogue: Catalogue, ready: Mapping[str, int]) -> dict[str, float]:
    """Return pool -> its share of the money: by what its replicas cost now, an idle pool counting as one replica."""
    cost = {
        name: max(ready.get(name, 0), 1) * max(pool.price_per_replica_hour_usd, 1e-6)
        for name, pool in catalogue.pools.items()
    }
    total = sum(cost.values())
    return {name: part / total for name, part in cost.items()}


def hourly_budget_usd(fills: Iterable[Fill], now: float) -> float | None:
    """Return what the tightest budget lets the fleet spend an hour; None without a budget."""
    rates = [fill.left / 1e6 / min(_hours_left(fill.window, now), HORIZON_HOURS) for fill in fills]
    return min(rates, default=None)


def _fleet_wide(client: Client, cell: str) -> list[Fill]:
    """Return the running windows of budgets that guard every task."""
    everyone = {name for name, (budget, _) in budget_store.declared(client, cell).items() if budget.guards("*", "*")}
    return [fill for fill in budget_store.show(client, cell) if fill.budget in everyone] if everyone else []


def _hours_left(window: Window, now: float) -> float:
    at = datetime.fromtimestamp(now, tz=UTC)
    match window:
        case Window.HOUR:
            end = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        case Window.DAY:
            end = at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        case _:
            end = (at.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
    return max((end - at).total_seconds() / 3600.0, 1.0 / 60.0)
